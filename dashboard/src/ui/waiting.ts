// What a run waits for, in one sentence. It renders nothing.
import type { AnyRun } from "../api/types";
import { plainName } from "../values/text";
import { cut, formatTime } from "./format";

/** A longer key is cut. */
const KEY_CHARS = 120;

/** What a queued run waits for, or `null`. Lists do not know whether another run really is in its way. */
export function describeWaiting(run: Pick<AnyRun, "waiting">): string | null {
  const { waiting } = run;
  if (!waiting) return null;
  const key = waiting.key === null ? "its key" : `the key ${plainName(cut(waiting.key, KEY_CHARS))}`;
  const until = waiting.not_before === null ? "" : ` until ${formatTime(waiting.not_before)}`;
  switch (waiting.for) {
    case "concurrency":
      return `waits for its turn: runs of ${key} run one at a time`;
    case "debounce":
      return `waits${until} for newer runs of ${key}`;
    case "retry":
      return `waits${until} for its next start`;
    case "max_running":
      return "waits until fewer runs are in progress";
    default:
      return `waits: ${String(waiting.for)}`;
  }
}
