// The slowest requests of the last minute.

import { byId, el, keep, say } from './dom.js';
import { clock, duration } from './format.js';
import { link } from './name.js';

const body = byId('slowest');
const none = byId('slowest-none');

export function showSlowest(status) {
  none.hidden = status.slowest.length > 0;
  const start_ms = Date.now() - 1000 * status.uptime_s;
  keep(body, status.slowest, ({ agent, name, at_s }) => `${agent} ${name} ${at_s}`, make, (row, request) => {
    say(row.children[2], duration(request.seconds));
    say(row.children[3], clock(start_ms + 1000 * request.at_s));
  });
}

function make({ agent, name }) {
  return el('tr', {}, el('td', { class: 'name' }, link(agent)), el('td', { class: 'name', title: name }, String(name)), el('td'), el('td', { class: 'roomy' }));
}
