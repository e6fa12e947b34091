// Times and durations in words that are short and keep their width.

/** As in google.protobuf.Timestamp and Duration. */
export interface Parts {
  seconds: bigint;
  nanos: number;
}

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** Milliseconds since the epoch, or of a duration; `undefined` when it is unset. */
export function ms(parts: Parts | undefined): number | undefined {
  return parts === undefined ? undefined : Number(parts.seconds) * 1000 + parts.nanos / 1e6;
}

/** A google.protobuf.Timestamp or Duration of so many milliseconds. */
export function parts(milliseconds: number): Parts {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}

/** How long, from a microsecond to days: `0.6 ms`, `8.0 s`, `1 h 02 min`. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 1000) {
    return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
  }
  const seconds = milliseconds / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : spanText(seconds);
}

/** How long, in whole units: `now`, `42 s`, `14 min`, `1 h 02 min`, `3 d 4 h`. */
export function ageText(milliseconds: number): string {
  return milliseconds < 1000 ? "under 1 s" : spanText(milliseconds / 1000);
}

function spanText(exact: number): string {
  const seconds = Math.floor(exact);
  if (seconds < minute) {
    return `${seconds} s`;
  }
  if (seconds < hour) {
    return `${Math.floor(seconds / minute)} min`;
  }
  if (seconds < day) {
    const rest = Math.floor((seconds % hour) / minute);
    return `${Math.floor(seconds / hour)} h${rest === 0 ? "" : ` ${String(rest).padStart(2, "0")} min`}`;
  }
  const rest = Math.floor((seconds % day) / hour);
  return `${Math.floor(seconds / day)} d${rest === 0 ? "" : ` ${rest} h`}`;
}

/** From now: `14 min ago`, `in 30 s`, `now`. */
export function relativeText(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 1000) {
    return "now";
  }
  return at <= now ? `${ageText(distance)} ago` : `in ${ageText(distance)}`;
}

/** Made once: to make one costs as much as a row of a table. */
const dayAndMonth = new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric" });

/** The local time of day, with the date when it is not today: `19:03:16`, `27 Nov 19:03:16`. */
export function localText(at: number, now: number): string {
  const date = new Date(at);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  if (date.toDateString() === new Date(now).toDateString()) {
    return clock;
  }
  return `${dayAndMonth.format(date)} ${clock}`;
}

/** In UTC, as programs write it: `2026-11-28T01:26:30.123Z`. */
export function utcText(at: number): string {
  return new Date(at).toISOString();
}

const unitsInText: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `90s`, `5 min`, `1h 30m`, `2 d`; `undefined` when it is no duration. */
export function readDuration(text: string): number | undefined {
  const pieces = [...text.trim().matchAll(/(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)\s*/gy)];
  const length = pieces.reduce((sum, piece) => sum + piece[0].length, 0);
  if (pieces.length === 0 || length !== text.trim().length) {
    return undefined;
  }
  return pieces.reduce((sum, piece) => sum + Number(piece[1]) * (unitsInText[piece[2] ?? ""] ?? 0), 0);
}

/** What `readDuration` reads back: `1h 30m`. */
export function writeDuration(milliseconds: number): string {
  const made: string[] = [];
  let rest = milliseconds;
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const size = unitsInText[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) {
      made.push(`${count}${unit}`);
      rest -= count * size;
    }
  }
  return made.length === 0 ? "0s" : made.join(" ");
}
