// The node's events as they happen. `EventSource` cannot send a token, so the stream is read
// by hand; the format is that of https://html.spec.whatwg.org/multipage/server-sent-events.html.

import { isUnauthorized, open } from './api.js';

/** The node says something every 15 s; after this many milliseconds of silence the line is dead. */
const SILENCE_MS = 40000;

/** Between attempts, in milliseconds: the first, and the longest. */
const PAUSE_MS = 1000;
const PAUSE_MAX_MS = 10000;

/** Longest line read, in characters; a longer one is not from a node. */
const LINE_MAX = 1 << 20;

/**
 * Follows the events. Calls `on.event(event)`, `on.missed(number)` and
 * `on.state('live' | 'waiting')`. Returns `restart()`, which forgets how far it had read.
 */
export function follow(on) {
  let after = 0;
  let pause = PAUSE_MS;
  let current = new AbortController();
  let timer = 0;

  async function run() {
    clearTimeout(timer);
    current.abort();
    current = new AbortController();
    const mine = current;
    let watch = 0;
    const heard = () => {
      clearTimeout(watch);
      watch = setTimeout(() => mine.abort(), SILENCE_MS);
    };
    try {
      heard();
      const headers = { Accept: 'text/event-stream', 'Last-Event-ID': String(after) };
      const response = await open(`/v1/events?follow=1&after=${after}`, headers, mine.signal);
      on.state('live');
      await read(response.body, heard, (message) => {
        // Only a line that brings something is worth trying again at once.
        pause = PAUSE_MS;
        take(message);
      });
    } catch (error) {
      if (isUnauthorized(error) && mine === current) {
        clearTimeout(watch);
        on.state('waiting');
        // Somebody has to give a token first, and calls `restart` then.
        return;
      }
    }
    clearTimeout(watch);
    if (mine !== current) return;
    on.state('waiting');
    timer = setTimeout(run, pause);
    pause = Math.min(2 * pause, PAUSE_MAX_MS);
  }

  function take({ id, name, data }) {
    const body = JSON.parse(data);
    if (name === 'lagged') {
      on.missed(Number(body.missed));
      return;
    }
    const seq = Number(id || body.seq);
    if (Number.isSafeInteger(seq)) after = Math.max(after, seq);
    on.event(body);
  }

  run();
  return function restart() {
    after = 0;
    pause = PAUSE_MS;
    run();
  };
}

async function read(body, heard, onMessage) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let message = { id: '', name: '', data: [] };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    text += value;
    // A carriage return at the end may be half of a line's end.
    const lines = text.split(/\r\n|\n|\r(?=[^])/);
    text = lines.pop();
    if (text.length > LINE_MAX) throw new Error('a line without an end');
    for (const line of lines) {
      if (line === '') {
        if (message.data.length > 0) onMessage({ ...message, data: message.data.join('\n') });
        message = { id: message.id, name: '', data: [] };
      } else {
        field(message, line);
      }
    }
  }
}

function field(message, line) {
  const colon = line.indexOf(':');
  // A comment: the heartbeat.
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'id') message.id = value;
  else if (name === 'event') message.name = value;
  else if (name === 'data') message.data.push(value);
}
