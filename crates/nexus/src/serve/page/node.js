// The head of the page: which node this is, whether it answers, its figures.

import { byId, el, keep, say } from './dom.js';
import { NONE, age, bytes, clock, count, figure } from './format.js';

const name = byId('node-name');
const version = byId('node-version');
const live = byId('live');
const draining = byId('draining');
const banner = byId('banner');
const facts = byId('facts');

let answered_ms = null;
let gone = false;

export function showNode(status, total) {
  if (gone) tell('', null);
  gone = false;
  answered_ms = Date.now();
  document.body.classList.remove('stale');
  document.title = `${status.node} · nexus`;
  say(name, String(status.node));
  const members = status.members.length > 1 ? ` · one of ${count(status.members.length)} nodes` : '';
  say(version, `version ${status.version}${members}`);
  draining.hidden = !status.draining;
  pill('live', 'good');
  const figures = [
    ['up for', age(status.uptime_s)],
    ['agents', count(status.agents)],
    ['messages/s', figure(total)],
    ['connections', count(status.connections)],
    ['memory', bytes(status.resident_bytes)],
    ['CPU', status.cpu_percent === null ? NONE : `${figure(status.cpu_percent)} %`],
    ['workers', count(status.workers)],
  ];
  const make = ([what]) => el('div', {}, el('dt', {}, what), el('dd'));
  keep(facts, figures, ([what]) => what, make, (row, [, value]) => say(row.lastChild, value));
}

/** Says that the process is another one than before. */
export function showRestarted() {
  tell('The node was started again. Figures count from its new start.', 'warn');
  setTimeout(() => banner.dataset.kind === 'warn' && tell('', null), 15000);
}

export function showGone(error) {
  gone = true;
  pill('gone', 'bad');
  document.title = 'gone · nexus';
  document.body.classList.toggle('stale', answered_ms !== null);
  const since = answered_ms === null ? '' : ` The figures below are from ${clock(answered_ms)}.`;
  // A status means that somebody answered; its message says more than we could.
  const what = error.status ? `The node answers with an error: ${error.message}.` : 'The node does not answer.';
  tell(`${what} Trying again every two seconds.${since}`, 'bad');
}

export function showLocked() {
  pill('locked', 'warn');
  tell('', null);
}

function pill(text, kind) {
  say(live, text);
  live.className = `pill ${kind}`;
}

// Said once: repeating the same words would make screen readers repeat them.
function tell(text, kind) {
  say(banner, text);
  banner.className = `banner ${kind ?? ''}`;
  banner.dataset.kind = kind ?? '';
  banner.hidden = text === '';
}
