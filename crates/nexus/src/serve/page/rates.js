// Messages handled per second, by kind, over the last minutes.

import { LineChart } from './chart.js';
import { COLOURS, colour } from './colours.js';
import { byId, el, keep, say } from './dom.js';
import { figure } from './format.js';

const chart = new LineChart(byId('rates'), 'Messages handled per second');
const legend = byId('rates-legend');
const total = byId('rate-total');

/** Draws them; returns how many messages there were lately, all kinds together. */
export function showRates(status, history) {
  const lines = linesOf(Object.keys(status.kinds));
  const sum = (rates, kinds) => kinds.reduce((all, kind) => all + (rates.get(kind) ?? 0), 0);
  const points = history.points().map(({ ago_s, rates }) => ({ ago_s, values: lines.map((line) => sum(rates, line.kinds)) }));
  chart.update(points, lines);
  const now = points.at(-1)?.values ?? null;
  const all = now ? now.reduce((one, other) => one + other, 0) : null;
  say(total, figure(all));
  const items = lines.map((line, index) => ({ ...line, rate: now ? now[index] : null }));
  const make = (line) => el('li', { title: line.name }, el('span', { class: `key s${line.colour}` }), `${line.name} `, el('b'));
  keep(legend, items, (line) => line.name, make, (item, line) => say(item.lastChild, figure(line.rate)));
  return all;
}

function linesOf(kinds) {
  const lines = [];
  const rest = [];
  for (const kind of kinds) {
    if (colour(kind) === COLOURS - 1) rest.push(kind);
    else lines.push({ name: kind, colour: colour(kind), kinds: [kind] });
  }
  if (rest.length > 0) lines.push({ name: rest.length === 1 ? rest[0] : `${rest.length} others`, colour: COLOURS - 1, kinds: rest });
  return lines;
}
