// The agents, in pages, filtered by what they are like.

import { get } from './api.js';
import { byId, el, keep, say } from './dom.js';
import { age, clock, count, figure, plural } from './format.js';
import { hash, link } from './name.js';

/** Agents on a page. */
const PAGE = 25;

/** How often a page without a filter is read anew, in milliseconds. A filter makes the node
 * look at many agents, so such a page is read when asked for. */
const EVERY_MS = 5000;

const kinds = byId('agents-kind');
const where = byId('agents-where');
const error = byId('agents-error');
const body = byId('agents-rows');
const first = byId('agents-first');
const next = byId('agents-next');
const text = byId('agents-text');
const when = byId('agents-when');

let page = { kind: '', where: '', after: null, next: null };
let reading = new AbortController();
let openKey = null;

byId('agents-form').addEventListener('submit', (event) => {
  event.preventDefault();
  turnTo({ after: null });
});
kinds.addEventListener('change', () => turnTo({ after: null }));
first.addEventListener('click', () => turnTo({ after: null }));
next.addEventListener('click', () => turnTo({ after: page.next }));
body.addEventListener('click', (event) => {
  const row = event.target.closest('tr');
  // The link in the row does the same for those who do not point.
  if (row && !event.target.closest('a')) location.hash = row.dataset.hash;
});
setInterval(() => {
  if (page.where === '' && document.visibilityState === 'visible' && error.hidden) read();
}, EVERY_MS);

/** The kinds to choose from. */
export function offerKinds(names) {
  const known = new Set([...kinds.options].map((option) => option.value));
  for (const name of names) {
    if (!known.has(name)) kinds.append(el('option', { value: name }, name));
  }
}

/** Reads the page that is shown, or the first one. */
export function readAgents() {
  read();
}

/** Marks the agent that is open; null if none is. */
export function markAgent(agent) {
  openKey = agent && `${agent.kind}/${agent.key}`;
  for (const row of body.children) row.classList.toggle('open', row.dataset.key === openKey);
}

function turnTo({ after }) {
  page = { kind: kinds.value, where: where.value.trim(), after, next: null };
  read();
}

async function read() {
  reading.abort();
  reading = new AbortController();
  const { signal } = reading;
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const name of ['kind', 'where', 'after']) {
    if (page[name]) query.set(name, page[name]);
  }
  try {
    const answer = await get(`/v1/agents?${query}`, signal);
    if (!signal.aborted) show(answer);
  } catch (failed) {
    // While the node does not answer, the head of the page says so.
    if (signal.aborted || !failed.status || failed.status === 401) return;
    say(error, failed.message);
    error.hidden = false;
  }
}

function show(answer) {
  error.hidden = true;
  page.next = answer.next;
  keep(body, answer.agents, (agent) => `${agent.kind}/${agent.key}`, make, update);
  const hadFocus = document.activeElement;
  first.disabled = page.after === null;
  next.disabled = page.next === null;
  // A button that can do no more must not keep the keyboard.
  if (hadFocus === next && next.disabled) first.focus();
  if (hadFocus === first && first.disabled) next.focus();
  say(text, summary(answer));
  say(when, `as of ${clock(Date.now())}`);
}

function summary(answer) {
  const looked = page.where === '' ? '' : ` among ${plural(answer.scanned, 'agent', 'agents')} looked at`;
  const more = answer.next === null ? '' : '; more may follow';
  if (answer.agents.length === 0) return `None${looked}${more}.`;
  return `${plural(answer.agents.length, 'agent', 'agents')}${looked}${more}.`;
}

function make({ kind, key }) {
  const name = `${kind}/${key}`;
  const row = el('tr', {}, el('td', { class: 'name' }, link(name)), el('td'), el('td'), el('td'));
  row.append(el('td', { class: 'roomy' }), el('td', { class: 'roomy' }), el('td', { class: 'roomy' }));
  row.dataset.hash = hash(kind, key);
  row.classList.toggle('open', name === openKey);
  return row;
}

function update(row, agent) {
  const [, phase, mailbox, handled, rate, errors, old] = row.children;
  say(phase, String(agent.phase));
  phase.className = `phase ${agent.phase}`;
  say(mailbox, count(agent.mailbox));
  say(handled, count(agent.metrics.handled));
  say(rate, figure(agent.metrics.rate_per_s));
  say(errors, count(agent.metrics.errors));
  errors.className = agent.metrics.errors > 0 ? 'roomy bad-cell' : 'roomy zero';
  say(old, age(agent.metrics.age_s));
}
