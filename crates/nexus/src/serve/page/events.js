// The latest events, as they happen.

import { byId, el, say } from './dom.js';
import { eventRow } from './event_row.js';
import { count, plural } from './format.js';
import { follow } from './stream.js';

/** Events kept and shown; older ones are forgotten. */
const EVENTS_MAX = 200;

const list = byId('events');
const none = byId('events-none');
const state = byId('events-state');
const names = byId('events-name');
const pause = byId('events-pause');

// Newest last: events, and notes of how many were missed.
let kept = [];
let start_ms = null;
let paused = false;
let unseen = 0;
let drawing = false;
let connected = true;
let restartStream = null;

names.addEventListener('change', () => draw());
pause.addEventListener('click', () => {
  paused = !paused;
  unseen = 0;
  pause.setAttribute('aria-pressed', String(paused));
  say(pause, paused ? 'Go on' : 'Pause');
  draw();
});

/** Begins to follow, once the node's start is known, which the times count from. */
export function followEvents(status) {
  const start = Date.now() - 1000 * status.uptime_s;
  // Each answer took a little while; do not let the times jump about for that.
  if (start_ms === null || Math.abs(start - start_ms) > 2000) start_ms = start;
  restartStream ??= follow({
    event: (event) => take({ event }),
    missed: (missed) => take({ missed }),
    state: (now) => {
      connected = now === 'live';
      showState();
    },
  });
}

/** Another process counts its events anew. */
export function forgetEvents() {
  kept = [];
  start_ms = null;
  restartStream?.();
}

/** After a token was given. */
export function reconnectEvents() {
  restartStream?.();
  kept = [];
}

function take(item) {
  kept.push(item);
  if (kept.length > EVENTS_MAX) kept.shift();
  if (item.event) addName(String(item.event.name));
  if (paused) {
    unseen += 1;
    showState();
    return;
  }
  // A flood of events is drawn once a frame.
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (!paused) draw();
  });
}

function addName(name) {
  const known = [...names.options].some((option) => option.value === name);
  if (!known) names.append(el('option', { value: name }, name));
}

function draw() {
  const wanted = kept.filter(({ event }) => names.value === '' || event?.name === names.value);
  none.hidden = kept.length > 0;
  showState();
  const rows = wanted.map((item) => (item.row ??= item.event ? eventRow(item.event, start_ms) : missedRow(item.missed)));
  list.replaceChildren(...rows.reverse());
}

function showState() {
  if (paused) say(state, `${plural(unseen, 'event', 'events')} since`);
  else say(state, connected ? '' : 'waiting for the node');
}

function missedRow(missed) {
  return el('li', { class: 'missed' }, el('span'), el('p', {}, `${count(missed)} events went by too fast to be shown`));
}
