// Lines over the last minutes. The axis of time stands still and the lines move through it.

import { el, svg } from './dom.js';
import { age, figure } from './format.js';
import { ticks } from './scale.js';

const HEIGHT = 230;
const ROOM = { left: 46, right: 10, top: 10, bottom: 24 };

/** Points further apart than this many seconds are not joined: nobody was asking. */
const GAP_S = 10;

/** How far back the axis of time goes, in seconds: the first that holds all points. */
const WINDOWS_S = [60, 120, 300];

/** Labels on the axis of time, besides "now". */
const LABELS = 4;

export class LineChart {
  constructor(host, label) {
    this.host = host;
    this.label = label;
    this.window_s = WINDOWS_S[0];
    this.points = [];
    this.series = [];
    // Which point is being looked at: none, or its distance from now in seconds.
    this.look_s = null;
    this.drawing = svg('svg', { role: 'img', tabindex: '0', height: HEIGHT });
    this.tip = el('div', { class: 'tip', hidden: true });
    this.tip.setAttribute('aria-live', 'polite');
    host.replaceChildren(this.drawing, this.tip);
    this.drawing.addEventListener('pointermove', (event) => this.lookAt(event.offsetX));
    this.drawing.addEventListener('pointerleave', () => this.lookAway());
    this.drawing.addEventListener('blur', () => this.lookAway());
    this.drawing.addEventListener('keydown', (event) => this.onKey(event));
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** `points`: `{ago_s, values}`, the oldest first; `series`: `{name, colour}`, one for each value. */
  update(points, series) {
    this.points = points;
    this.series = series;
    const oldest_s = points[0]?.ago_s ?? 0;
    this.window_s = WINDOWS_S.find((window_s) => oldest_s <= window_s) ?? WINDOWS_S.at(-1);
    this.draw();
  }

  draw() {
    const width = Math.max(200, this.host.clientWidth);
    const max = Math.max(...this.points.flatMap((point) => point.values), 0);
    const levels = ticks(max, 4);
    const right = width - ROOM.right;
    const bottom = HEIGHT - ROOM.bottom;
    this.x = (ago_s) => right - (ago_s / this.window_s) * (right - ROOM.left);
    const y = (value) => bottom - (value / levels.at(-1)) * (bottom - ROOM.top);
    const parts = [];
    for (const level of levels) {
      parts.push(svg('line', { class: level === 0 ? 'base' : 'grid', x1: ROOM.left, x2: right, y1: y(level), y2: y(level) }));
      parts.push(svg('text', { x: ROOM.left - 8, y: y(level) + 4, 'text-anchor': 'end' }, figure(level)));
    }
    for (let label = 0; label <= LABELS; label += 1) {
      const ago_s = (label * this.window_s) / LABELS;
      const anchor = label === 0 ? 'end' : label === LABELS ? 'start' : 'middle';
      const text = label === 0 ? 'now' : `${age(ago_s)} ago`;
      if (label % LABELS === 0 || width > 430) {
        parts.push(svg('text', { x: this.x(ago_s), y: HEIGHT - 6, 'text-anchor': anchor }, text));
      }
    }
    this.series.forEach((series, index) => {
      const spots = this.points.map((point) => ({ ago_s: point.ago_s, x: this.x(point.ago_s), y: y(point.values[index]) }));
      if (this.series.length === 1) parts.push(svg('path', { class: `area s${series.colour}`, d: area(spots, bottom) }));
      parts.push(svg('path', { class: `curve s${series.colour}`, d: line(spots) }));
    });
    if (this.points.length === 0) {
      parts.push(svg('text', { class: 'none', x: (ROOM.left + right) / 2, y: HEIGHT / 2, 'text-anchor': 'middle' }, 'gathering figures'));
    }
    this.drawing.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.drawing.setAttribute('aria-label', this.summary());
    this.drawing.replaceChildren(...parts);
    this.drawLook(bottom, width);
  }

  summary() {
    const last = this.points.at(-1);
    const now = last ? this.series.map((series, index) => `${series.name} ${figure(last.values[index])}`).join(', ') : 'no figures yet';
    return `${this.label}. Now: ${now}. The arrow keys go back in time.`;
  }

  lookAt(x) {
    if (this.points.length === 0) return;
    const near = this.points.reduce((best, point) => (Math.abs(this.x(point.ago_s) - x) < Math.abs(this.x(best.ago_s) - x) ? point : best));
    this.look_s = near.ago_s;
    this.draw();
  }

  lookAway() {
    this.look_s = null;
    this.draw();
  }

  onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === 'Escape') this.lookAway();
    if (step === undefined || this.points.length === 0) return;
    event.preventDefault();
    const last = this.points.length - 1;
    const at = this.look_s === null ? last + 1 : this.nearest();
    this.look_s = this.points[Math.min(last, Math.max(0, at + step))].ago_s;
    this.draw();
  }

  nearest() {
    const distance = (index) => Math.abs(this.points[index].ago_s - this.look_s);
    return this.points.reduce((best, _, index) => (distance(index) < distance(best) ? index : best), 0);
  }

  drawLook(bottom, width) {
    const shown = this.look_s !== null && this.points.length > 0;
    this.tip.hidden = !shown;
    if (!shown) return;
    const point = this.points[this.nearest()];
    const x = this.x(point.ago_s);
    this.drawing.append(svg('line', { class: 'cross', x1: x, x2: x, y1: ROOM.top, y2: bottom }));
    const when = point.ago_s < 1 ? 'now' : `${age(point.ago_s)} ago`;
    const values = this.series.map((series, index) => el('p', {}, el('span', {}, el('span', { class: `key s${series.colour}` }), series.name), el('b', {}, figure(point.values[index]))));
    this.tip.replaceChildren(el('p', { class: 'soft' }, when), ...values);
    const beside = x > width / 2 ? x - this.tip.offsetWidth - 12 : x + 12;
    this.tip.style.left = `${Math.max(0, beside)}px`;
  }
}

function line(spots) {
  let path = '';
  spots.forEach((spot, index) => {
    const before = spots[index - 1];
    const joined = before && before.ago_s - spot.ago_s <= GAP_S;
    path += `${joined ? 'L' : 'M'}${spot.x.toFixed(1)} ${spot.y.toFixed(1)}`;
  });
  return path;
}

function area(spots, bottom) {
  if (spots.length === 0) return '';
  const ends = `L${spots.at(-1).x.toFixed(1)} ${bottom}L${spots[0].x.toFixed(1)} ${bottom}Z`;
  return line(spots).replaceAll('M', 'L').replace('L', 'M') + ends;
}
