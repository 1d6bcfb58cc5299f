// Retries or abandons the selected runs one by one: bounded, with progress, and with a result for each.
import { ApiError, call, isAbort } from "../../api/client";
import type { AnyRun, Run, RunStatus } from "../../api/types";

export type BulkAction = "retry" | "abandon";

/** At most this many runs are selected at once. */
export const SELECTED_MAX = 200;
const PARALLEL_CALLS = 3;

const CAN: Record<BulkAction, ReadonlySet<RunStatus>> = {
  retry: new Set(["failed", "canceled", "unconfirmed"]),
  abandon: new Set(["queued", "unconfirmed"]),
};

/** Whether an action is possible in a state. A completed run is retried on its own page, because it needs `force`. */
export function canDo(action: BulkAction, status: RunStatus): boolean {
  return CAN[action].has(status);
}

export interface BulkResult {
  runId: string;
  /** The new run of a retry, or the abandoned run. */
  run: AnyRun | null;
  /** Why it was not done. */
  problem: string | null;
}

/** Does the action for each run. Resolves with the results so far where `signal` aborts. */
export async function actOnRuns(
  action: BulkAction,
  runIds: string[],
  onResult: (result: BulkResult) => void,
  signal: AbortSignal,
): Promise<void> {
  const waiting = runIds.slice(0, SELECTED_MAX);
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined && !signal.aborted; id = waiting.shift()) {
      onResult(await actOnRun(action, id));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_CALLS }, work));
}

async function actOnRun(action: BulkAction, runId: string): Promise<BulkResult> {
  try {
    const { data } = await call<Run>(`/api/runs/${encodeURIComponent(runId)}/${action}`, { method: "POST" });
    return { runId, run: data, problem: null };
  } catch (error) {
    if (error instanceof ApiError) {
      return { runId, run: error.body?.run ?? null, problem: error.message };
    }
    return { runId, run: null, problem: isAbort(error) ? "stopped" : String(error) };
  }
}
