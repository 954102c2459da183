// The kinds, in figures.

import { colour } from './colours.js';
import { byId, el, keep, say } from './dom.js';
import { NONE, count, duration, figure } from './format.js';

const body = byId('kinds');
const none = byId('kinds-none');

/** Columns in the order of the table's head; those that mean trouble are marked if not zero. */
const COLUMNS = [
  { text: (kind) => count(kind.agents) },
  { text: (kind) => count(kind.mailbox) },
  { text: (kind) => figure(kind.rate) },
  { text: (kind) => count(kind.handled) },
  { text: (kind) => latency(kind, 'p50') },
  { text: (kind) => latency(kind, 'p99') },
  { text: (kind) => latency(kind, 'max') },
  { text: (kind) => count(kind.restarted), trouble: true },
  { text: (kind) => count(kind.crashed), trouble: true },
  { text: (kind) => count(kind.dropped), trouble: true },
  { text: (kind) => count(kind.dead), trouble: true },
  { text: (kind) => count(kind.refused), trouble: true },
];

const latency = (kind, which) => (kind.latency_s?.count > 0 ? duration(kind.latency_s[which]) : NONE);

export function showKinds(status, history) {
  const kinds = Object.entries(status.kinds).map(([name, figures]) => ({ ...figures, name, rate: history.rate(name) }));
  none.hidden = kinds.length > 0;
  keep(body, kinds, (kind) => kind.name, make, update);
}

function make({ name }) {
  const head = el('th', { scope: 'row', class: 'name', title: name }, el('span', { class: `key s${colour(name)}` }), name);
  return el('tr', {}, head, ...COLUMNS.map(() => el('td')));
}

function update(row, kind) {
  COLUMNS.forEach(({ text, trouble }, index) => {
    const cell = row.children[index + 1];
    const value = text(kind);
    say(cell, value);
    cell.className = value === '0' ? 'zero' : trouble ? 'bad-cell' : '';
  });
}
