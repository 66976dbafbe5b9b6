// Numbers and times as people read them.

const GROUPED = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

// 12,345, and from a million on 1.23M.
export function count(number) {
  if (number == null) return "–";
  return Math.abs(number) < 1e6 ? GROUPED.format(Math.round(number)) : COMPACT.format(number);
}

// Something a second: 0.25, 7.1, 1,240.
export function rate(number) {
  if (number == null) return "–";
  if (number === 0 || number >= 99.95) return count(number);
  return number.toFixed(number < 1 ? 2 : 1);
}

// Every digit of a number: an offset is looked up elsewhere.
export function exact(number) {
  return number == null ? "–" : String(number);
}

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
];

// A span in its two largest units: 3h 12m.
export function span(millis) {
  let seconds = Math.max(0, Math.floor(millis / 1000));
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0s";
  const parts = [];
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const whole = Math.floor(seconds / size);
    if (whole > 0) parts.push(`${whole}${unit}`);
    seconds -= whole * size;
  }
  return parts.join(" ");
}

// A length of time that was measured: 0.4 ms, 12 ms, 1.3 s.
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds >= 1) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const millis = seconds * 1000;
  return `${millis.toFixed(millis < 10 ? 1 : 0)} ms`;
}

// A time of day, and the day where it isn't today.
export function time(millis) {
  const at = new Date(millis);
  const clock = at.toLocaleTimeString("en-GB");
  const today = at.toDateString() === new Date().toDateString();
  return today ? clock : `${at.toLocaleDateString("en-CA")} ${clock}`;
}

export function plural(number, one, many = `${one}s`) {
  return `${GROUPED.format(number)} ${number === 1 ? one : many}`;
}

const STAGES = {
  queued: "queued",
  calling: "in the component",
  retrying: "retrying",
  producing: "waiting for its outputs to be acknowledged",
  "dead-lettering": "being dead-lettered",
  halted: "halted: it waits for you",
};

// Where a partition's oldest unfinished message stands, and for how long.
export function stands(oldest, now) {
  const lasted = span(now - oldest.since);
  const attempt = oldest.attempt > 1 ? `, attempt ${oldest.attempt}` : "";
  if (oldest.due == null) return `${STAGES[oldest.stage] ?? oldest.stage} for ${lasted}${attempt}`;
  const next = oldest.due > now ? `in ${span(oldest.due - now + 999)}` : "is due";
  return `retrying for ${lasted}, attempt ${oldest.attempt} ${next}`;
}
