// How long requests took, as bars.

import { svg } from './dom.js';
import { count, duration, plural } from './format.js';

const HEIGHT = 230;
const ROOM = { left: 4, right: 4, top: 22, bottom: 24 };

/** Room a label needs, in pixels. */
const LABEL = 46;

export class Histogram {
  constructor(host) {
    this.host = host;
    this.drawing = svg('svg', { role: 'img', height: HEIGHT });
    host.replaceChildren(this.drawing);
    this.bounds = [];
    this.counts = [];
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** `bounds`: upper ends in seconds; `counts` has one more, for what is beyond them all. */
  update(bounds, counts) {
    this.bounds = bounds;
    this.counts = counts;
    this.draw();
  }

  draw() {
    const width = Math.max(200, this.host.clientWidth);
    const bottom = HEIGHT - ROOM.bottom;
    const total = this.counts.reduce((sum, many) => sum + many, 0);
    const parts = [svg('line', { class: 'base', x1: ROOM.left, x2: width - ROOM.right, y1: bottom, y2: bottom })];
    // Empty ends say nothing, and take room from the middle.
    const [first, last] = this.filled();
    const bars = last - first + 1;
    const each = (width - ROOM.left - ROOM.right) / bars;
    const most = Math.max(...this.counts, 1);
    const every = Math.max(1, Math.ceil(LABEL / each));
    for (let bucket = first; bucket <= last && total > 0; bucket += 1) {
      const many = this.counts[bucket];
      const x = ROOM.left + (bucket - first) * each;
      // What happened at all is to be seen, however rare.
      const height = Math.max(2, (many / most) * (bottom - ROOM.top));
      if (many > 0) {
        const bar = svg('rect', { class: 'bar', x: x + 1, width: Math.max(1, each - 2), y: bottom - height, height, rx: 2 });
        bar.append(svg('title', {}, `${this.range(bucket)}: ${plural(many, 'request', 'requests')}`));
        parts.push(bar);
      }
      if (many > 0 && each > 34) {
        parts.push(svg('text', { x: x + each / 2, y: bottom - height - 5, 'text-anchor': 'middle' }, share(many, total)));
      }
      if (bucket < this.bounds.length && (bucket - first) % every === 0 && bucket < last) {
        parts.push(svg('text', { x: x + each, y: HEIGHT - 6, 'text-anchor': 'middle' }, duration(this.bounds[bucket])));
      }
    }
    if (total === 0) {
      parts.push(svg('text', { class: 'none', x: width / 2, y: HEIGHT / 2, 'text-anchor': 'middle' }, 'no requests'));
    }
    this.drawing.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.drawing.setAttribute('aria-label', this.summary());
    this.drawing.replaceChildren(...parts);
  }

  filled() {
    const first = this.counts.findIndex((many) => many > 0);
    if (first < 0) return [0, 0];
    const last = this.counts.findLastIndex((many) => many > 0);
    return [Math.max(0, first - 1), Math.min(this.counts.length - 1, Math.max(last + 1, first + 4))];
  }

  range(bucket) {
    const below = bucket === 0 ? null : duration(this.bounds[bucket - 1]);
    if (bucket >= this.bounds.length) return `over ${below}`;
    const above = duration(this.bounds[bucket]);
    return below ? `${below} to ${above}` : `up to ${above}`;
  }

  /** The bound within which a share of the requests was answered, in words. */
  within(portion) {
    const total = this.counts.reduce((sum, many) => sum + many, 0);
    let seen = 0;
    const bucket = this.counts.findIndex((many) => (seen += many) >= portion * total);
    if (bucket >= this.bounds.length) return `over ${duration(this.bounds.at(-1))}`;
    return `within ${duration(this.bounds[bucket])}`;
  }

  summary() {
    const total = this.counts.reduce((sum, many) => sum + many, 0);
    if (total === 0) return 'No HTTP requests to agents.';
    return `${count(total)} HTTP ${total === 1 ? 'request' : 'requests'} to agents: half ${this.within(0.5)}, 99 % ${this.within(0.99)}.`;
  }
}

function share(many, total) {
  const percent = (100 * many) / total;
  if (percent < 0.1) return '< 0.1 %';
  return `${percent < 10 ? Number(percent.toFixed(1)) : Math.round(percent)} %`;
}
