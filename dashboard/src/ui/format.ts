// Texts for people from values: times, durations, sizes, shares.

const DATE_TIME = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** A time in the reader's time zone: `24 Nov 2026, 10:00:03`. A text that is no time is returned as it is. */
export function formatTime(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : DATE_TIME.format(date);
}

/** How far a time is from `nowMs`: `3 min ago`, `in 2 h`. Empty where the text is no time. */
export function formatRelative(iso: string, nowMs: number): string {
  const time = Date.parse(iso);
  if (Number.isNaN(time)) return "";
  const seconds = (nowMs - time) / 1000;
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  const text = formatDuration(size);
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** A duration with one unit: `3.2 s`, `40 s`, `5 min`, `3 h`, `12 days`. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${trimZero(seconds.toFixed(1))} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** Bytes: `980 B`, `44.6 KiB`, `7.9 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let size = bytes / 1024;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${trimZero(size.toFixed(1))} ${units[unit]}`;
}

/** A share as percent: `97.5 %`. Never `100 %` unless all, never `0 %` unless none. */
export function formatShare(share: number): string {
  if (share === 1 || share === 0) return `${share * 100} %`;
  const percent = Math.min(99.9, Math.max(0.1, share * 100));
  return `${trimZero(percent.toFixed(1))} %`;
}

/** `1 run`, `2 runs`, `1,200 runs`. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? noun : plural}`;
}

/** The first `max` characters, without half a surrogate pair. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const code = text.charCodeAt(max - 1);
  const isHalf = code >= 0xd800 && code <= 0xdbff;
  return text.slice(0, isHalf ? max - 1 : max);
}

function trimZero(text: string): string {
  return text.replace(/\.0$/, "");
}
