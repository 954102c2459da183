// One agent: what it does at the moment, and why.

import { agentPath, get } from './api.js';
import { markAgent } from './agents.js';
import { byId, el, keep, say } from './dom.js';
import { eventRow } from './event_row.js';
import { age, count, figure, plural } from './format.js';
import { makeLevels, showLevels } from './levels.js';
import { fromHash, link } from './name.js';

/** How often it is asked about while it is open, in milliseconds. */
const EVERY_MS = 1000;

const title = byId('agent-title');
const body = byId('agent-body');
const close = byId('agent-close');
const hint = body.firstElementChild;

let open = null;
let view = null;
let timer = 0;
let reading = new AbortController();
let node = { start_ms: Number.NaN };

window.addEventListener('hashchange', () => fromAddress(true));
close.addEventListener('click', () => {
  const back = document.querySelector('#agents-rows tr.open a');
  // An address without a name, and without a jump to the top.
  history.pushState(null, '', location.pathname);
  fromAddress(false);
  (back ?? byId('find-name')).focus({ preventScroll: true });
});

/** Opens the agent that the page's address names. `moved`: somebody just asked for it. */
export function fromAddress(moved) {
  const agent = fromHash(location.hash);
  clearTimeout(timer);
  reading.abort();
  open = agent;
  view = null;
  markAgent(agent);
  close.hidden = !agent;
  say(title, agent ? `${agent.kind}/${agent.key}` : 'One agent');
  if (!agent) {
    body.replaceChildren(hint);
    return;
  }
  body.replaceChildren(el('p', { class: 'soft' }, 'Asking the node.'));
  if (moved) {
    title.focus({ preventScroll: true });
    title.scrollIntoView({ block: 'nearest' });
  }
  read();
}

/** When the node started: the times of events count from there. */
export function setNodeStart(start_ms) {
  node = { start_ms };
}

/** Asks again at once: the node is back, or a token was given. */
export function rereadAgent() {
  if (open) read();
}

async function read() {
  clearTimeout(timer);
  reading.abort();
  reading = new AbortController();
  const { signal } = reading;
  const path = agentPath(open.kind, open.key);
  if (!path) {
    explain('A browser cannot ask for an agent of this name: it resolves the dots on the way. In a terminal, nexus why can.');
    return;
  }
  try {
    const [agent, why] = await Promise.all([get(path, signal), get(`${path}/why`, signal)]);
    if (signal.aborted) return;
    show(agent, why);
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 404) {
      explain(`${error.message}`, true);
      return;
    }
    if (error.status && error.status !== 401) explain(error.message, true);
  }
  timer = setTimeout(read, EVERY_MS);
}

function explain(text, again) {
  view = null;
  const button = el('button', { type: 'button' }, 'Ask again');
  button.addEventListener('click', () => read());
  body.replaceChildren(el('p', { class: 'saying' }, text), ...(again ? [button] : []));
}

function show(agent, why) {
  view ??= makeView();
  view.saying.replaceChildren(...sentence(why));
  const facts = [
    ['level', levelText(why.level)],
    ['mailbox', plural(why.mailbox, 'message', 'messages')],
    ['handled', `${count(agent.metrics.handled)}, ${figure(agent.metrics.rate_per_s)} per second`],
    ['errors', count(agent.metrics.errors)],
    ['age', age(agent.metrics.age_s)],
    ['epoch', count(why.epoch)],
    ['node', String(agent.node)],
    ['id', String(agent.id)],
  ];
  const make = ([what]) => [el('dt', {}, what), el('dd')];
  if (view.facts.children.length === 0) view.facts.append(...facts.flatMap(make));
  facts.forEach(([, value], index) => say(view.facts.children[2 * index + 1], value));
  showLevels(view.levels, why, node.start_ms);
  showJson(view.state, agent.state);
  showJson(view.metadata, agent.metadata);
  const events = [...why.events].reverse();
  keep(view.events, events, (event) => event.seq, (event) => eventRow(event, node.start_ms, false), () => {});
  view.noEvents.hidden = events.length > 0;
}

function makeView() {
  const made = {
    saying: el('p', { class: 'saying' }),
    facts: el('dl'),
    levels: makeLevels(),
    state: jsonPart('State'),
    metadata: jsonPart('Metadata'),
    events: el('ol', { class: 'events', 'aria-label': 'Its events, latest first' }),
    noEvents: el('p', { class: 'soft' }, 'None is kept.'),
  };
  body.replaceChildren(made.saying, made.facts, made.levels, made.state, made.metadata, el('h3', {}, 'Its last events'), made.events, made.noEvents);
  return made;
}

function jsonPart(name) {
  return el('div', { hidden: true }, el('h3', {}, name), el('pre', { tabindex: '0', 'aria-label': name }));
}

function showJson(part, value) {
  part.hidden = value === null || value === undefined;
  if (!part.hidden) say(part.lastChild, JSON.stringify(value, null, 2));
}

function levelText(level) {
  const fell = level.asked === level.used ? '' : ` instead of ${level.asked}`;
  return `${level.used}${fell}${level.reason ? `: ${level.reason}` : ''}`;
}

/** What it does and why, in words. */
function sentence(why) {
  const handler = why.handler ? el('code', {}, String(why.handler)) : 'a message';
  const waiting = why.mailbox === 0 ? 'No message waits.' : `${plural(why.mailbox, 'message waits', 'messages wait')}.`;
  switch (why.phase) {
    case 'idle':
      return ['It is ', el('b', {}, 'idle'), `: nothing to do. ${waiting}`];
    case 'queued':
      return ['It is ', el('b', {}, 'queued'), `: it has work, and waits for a worker. ${waiting}`];
    case 'running':
      return ['It is ', el('b', {}, 'running'), ': a worker handles ', handler, ` at this moment. ${waiting}`];
    case 'suspended':
      return ['It is ', el('b', {}, 'suspended'), ' in ', handler, ', waiting for ', ...waitingFor(why.waiting_on), `. ${waiting}`];
    default:
      return [`It is ${why.phase}. ${waiting}`];
  }
}

function waitingFor(names) {
  if (names.length === 0) return ['a timer, a socket or a task'];
  return names.flatMap((name, index) => (index === 0 ? [link(name)] : [', ', link(name)]));
}
