// One event as a line.

import { el } from './dom.js';
import { clock } from './format.js';
import { link } from './name.js';

/** Events that somebody should look at. */
const TROUBLE = new Set(['agent.crashed', 'supervisor.gave_up', 'supervisor.escalated', 'operation.failed', 'message.dead', 'coordination.failed', 'emergence.emergency_fallback']);

/**
 * `start_ms`: when the node started, in milliseconds since 1970. `named`: whether to say which
 * agent it was, where that is not plain.
 */
export function eventRow(event, start_ms, named = true) {
  const at = start_ms + 1000 * event.at_s;
  const time = el('time', Number.isFinite(at) ? { datetime: new Date(at).toISOString() } : {}, clock(at));
  const words = el('p', {}, el('span', { class: 'what' }, String(event.name)));
  if (event.agent && named) words.append(link(event.agent));
  if (event.detail) words.append(el('span', { class: 'detail' }, String(event.detail)));
  return el('li', { class: TROUBLE.has(event.name) ? 'trouble' : null }, time, words);
}
