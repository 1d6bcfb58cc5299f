// A time as people read it: the clock's time and how long ago.
import { signal } from "@preact/signals";
import { formatRelative, formatTime } from "./format";

/** The time now in milliseconds, renewed every 15 seconds while the tab is visible. */
export const now = signal(Date.now());

/** Keeps `now` going. */
export function startClock() {
  const renew = () => {
    if (document.visibilityState === "visible") now.value = Date.now();
  };
  setInterval(renew, 15_000);
  document.addEventListener("visibilitychange", renew);
}

/** A time with its distance from now; the exact time in UTC is the tooltip. `—` where there is none. */
export function Time({ at, brief = false }: { at: string | null | undefined; brief?: boolean }) {
  if (!at) return <span class="muted">—</span>;
  // `now` only says when to render again: a time that has just come must not be in the future.
  const relative = formatRelative(at, Math.max(now.value, Date.now()));
  return (
    <time dateTime={at} title={at} class="time">
      <span class="nowrap-text">{brief ? relative || at : formatTime(at)}</span>
      {!brief && relative && (
        <>
          {" "}
          <span class="muted nowrap-text">{relative}</span>
        </>
      )}
    </time>
  );
}
