// Figures as people read them.

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** What stands where there is no figure. */
export const NONE = '–';

const isFigure = (value) => typeof value === 'number' && Number.isFinite(value);

/** 1,234,567 */
export function count(value) {
  return isFigure(value) ? WHOLE.format(value) : NONE;
}

/** Three digits or so: 0.25, 3.4, 42, 1,234. */
export function figure(value) {
  if (!isFigure(value)) return NONE;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 100) return WHOLE.format(value);
  if (size < 0.01) return '< 0.01';
  return String(Number(value.toPrecision(size >= 10 ? 3 : 2)));
}

/** 1.5 GiB */
export function bytes(value) {
  if (!isFigure(value)) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/** How long something took: 340 µs, 1.2 ms, 3.4 s. */
export function duration(seconds) {
  if (!isFigure(seconds)) return NONE;
  if (seconds === 0) return '0';
  const [unit, name] = seconds < 1e-6 ? [1e-9, 'ns'] : seconds < 1e-3 ? [1e-6, 'µs'] : seconds < 1 ? [1e-3, 'ms'] : [1, 's'];
  return `${Number((seconds / unit).toPrecision(3))} ${name}`;
}

/** How long something has lasted: 5 s, 12 min 5 s, 3 h 12 min, 2 d 3 h. */
export function age(seconds) {
  if (!isFigure(seconds)) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  const steps = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = steps.findIndex(([size]) => whole >= size);
  if (first < 0) return '0 s';
  const parts = [];
  let rest = whole;
  for (const [size, name] of steps.slice(first, first + 2)) {
    const many = Math.floor(rest / size);
    rest -= many * size;
    if (many > 0) parts.push(`${many} ${name}`);
  }
  return parts.join(' ');
}

/** 15:04:05, of a time in milliseconds since 1970. */
export function clock(milliseconds) {
  return Number.isFinite(milliseconds) ? CLOCK.format(milliseconds) : NONE;
}

/** One word for one thing, another for many. */
export function plural(many, one, more) {
  return `${count(many)} ${many === 1 ? one : more}`;
}
