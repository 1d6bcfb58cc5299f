// When something is read again. A list of runs costs KV lists, of which the free plan has 1,000 a day; one run costs
// a read by its key, which is cheap.
import type { AnyRun, RunStatus } from "./types";

/** A list younger than this is shown from memory when its page opens. */
export const LIST_FRESH_MS = 60_000;
/** A list is read again by itself at most this often. */
export const LIST_AUTO_MS = 5 * 60_000;
/** A run in progress is read again this often. */
export const RUN_POLL_MS = 10_000;
/** At most this many runs are read in one turn. */
export const RUN_POLL_MAX = 10;

const MOVING: ReadonlySet<RunStatus> = new Set(["queued", "in_progress", "archiving"]);

/** Whether a run moves by itself. An `unconfirmed` run waits for the operator. */
export function isMoving(status: RunStatus): boolean {
  return MOVING.has(status);
}

/** Whether a list is read again now by itself. */
export function isListDue(fetchedAtMs: number | null, nowMs: number, isVisible: boolean): boolean {
  return isVisible && fetchedAtMs !== null && nowMs - fetchedAtMs >= LIST_AUTO_MS;
}

/** Whether a list in memory is fresh enough for a page that opens now. */
export function isFresh(fetchedAtMs: number, nowMs: number): boolean {
  return nowMs - fetchedAtMs < LIST_FRESH_MS;
}

/** The runs to read in this turn: at most `max` of those that move; where there are more, each turn takes the next. */
export function runsToPoll(runs: AnyRun[], turn: number, max = RUN_POLL_MAX): string[] {
  const moving = runs.filter(run => isMoving(run.status)).map(run => run.run_id);
  if (moving.length <= max) return moving;
  const start = (turn * max) % moving.length;
  return [...moving.slice(start), ...moving.slice(0, start)].slice(0, max);
}

/** Puts a newly read first page in front of the pages that are shown already. */
export function mergeFirstPage(shown: AnyRun[], fresh: AnyRun[], freshIsAll: boolean): AnyRun[] {
  const last = fresh.at(-1);
  if (freshIsAll || !last) return fresh;
  const ids = new Set(fresh.map(run => run.run_id));
  const older = shown.filter(run => !ids.has(run.run_id) && run.received_at < last.received_at);
  return [...fresh, ...older];
}
