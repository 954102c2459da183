// How long requests over HTTP took: of the last minute, or since the node started.

import { byId, say } from './dom.js';
import { Histogram } from './histogram.js';

const histogram = new Histogram(byId('latency'));
const text = byId('latency-text');
const minute = byId('latency-minute');
const all = byId('latency-all');

let latest = null;

minute.addEventListener('click', () => choose(true));
all.addEventListener('click', () => choose(false));

export function showLatency(status, history) {
  latest = { bounds: status.latency.bounds_s, all: status.latency.counts, minute: history.lastMinute(status.latency.counts) };
  draw();
}

function choose(lastMinute) {
  minute.setAttribute('aria-pressed', String(lastMinute));
  all.setAttribute('aria-pressed', String(!lastMinute));
  draw();
}

function draw() {
  if (!latest) return;
  const lastMinute = minute.getAttribute('aria-pressed') === 'true';
  histogram.update(latest.bounds, lastMinute ? latest.minute : latest.all);
  say(text, histogram.summary());
}
