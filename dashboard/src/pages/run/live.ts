// Follows one run until it is final: long polling while the tab is visible, back-off after errors.
// It knows neither the page nor the browser; `browserSource` gives it both.
import { type Answer, ApiError, callIfChanged } from "../../api/client";
import type { Run, RunStatus } from "../../api/types";

/** The Worker holds an answer at most this long. */
const WAIT_SECONDS = 25;
/** Two reads are at least this far apart, even where nothing holds the answer. */
const TURN_MS_MIN = 2_000;
const BACK_OFF_MS_MAX = 60_000;
/** After so many reads without a change (about an hour) following stops: a forgotten tab must not poll for days. */
const UNCHANGED_MAX = 150;

export type LiveState = "following" | "trying-again" | "stopped" | "final";

export interface LiveSource {
  /** Reads the run; `null` where it is the one that `etag` names. */
  read(etag: string | null, waitSeconds: number, signal: AbortSignal): Promise<Answer<Run> | null>;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Resolves once the tab is visible. The signal aborts when it is hidden again, and when `signal` does. */
  whenVisible(signal: AbortSignal): Promise<AbortSignal>;
  now(): number;
}

export interface LiveListener {
  onRun(answer: Answer<Run>): void;
  onState(state: LiveState): void;
  /** The run cannot be shown, or not any more. Following has ended. */
  onError(error: unknown): void;
}

/** Whether a run never changes again. */
export function isFinal(status: RunStatus): boolean {
  return status === "completed" || status === "failed" || status === "canceled";
}

/** How long to wait after the `failures`-th error in a row. */
export function backOffMs(failures: number, error: unknown): number {
  const asked = error instanceof ApiError && error.retryAfter !== null ? error.retryAfter * 1000 : 0;
  return Math.min(BACK_OFF_MS_MAX, Math.max(asked, TURN_MS_MIN * 2 ** (failures - 1)));
}

/** Reads the run, then each change of it, until it is final or `signal` aborts. It never rejects. */
export async function followRun(source: LiveSource, listener: LiveListener, signal: AbortSignal): Promise<void> {
  let etag: string | null = null;
  let isKnown = false;
  let failures = 0;
  let unchanged = 0;
  while (!signal.aborted) {
    const visible = await source.whenVisible(signal);
    if (signal.aborted) return;
    const startedMs = source.now();
    let pauseMs = TURN_MS_MIN;
    try {
      const answer = await source.read(etag, isKnown ? WAIT_SECONDS : 0, visible);
      if (signal.aborted) return;
      failures = 0;
      unchanged = answer ? 0 : unchanged + 1;
      if (answer) {
        etag = answer.etag;
        isKnown = true;
        listener.onRun(answer);
        if (isFinal(answer.data.status)) return listener.onState("final");
      }
      if (unchanged >= UNCHANGED_MAX) return listener.onState("stopped");
      listener.onState("following");
    } catch (error) {
      if (signal.aborted) return;
      // The tab was hidden while the Worker held the answer.
      if (visible.aborted) continue;
      if (!isKnown || isLasting(error)) return listener.onError(error);
      failures += 1;
      pauseMs = backOffMs(failures, error);
      listener.onState("trying-again");
    }
    await source.sleep(Math.max(0, pauseMs - (source.now() - startedMs)), signal);
  }
}

/** Whether trying again does not help: the run is gone, or the session is over. */
function isLasting(error: unknown): boolean {
  return !(error instanceof ApiError) || (error.status >= 400 && error.status < 500 && error.status !== 429);
}

/** The browser's side: the API, its clock, and whether the tab is visible. */
export function browserSource(runId: string): LiveSource {
  return {
    read: (etag, waitSeconds, signal) =>
      callIfChanged<Run>(`/api/runs/${encodeURIComponent(runId)}`, { etag, waitSeconds, signal }),
    sleep,
    whenVisible,
    now: () => performance.now(),
  };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

function whenVisible(signal: AbortSignal): Promise<AbortSignal> {
  return new Promise(resolve => {
    const hidden = new AbortController();
    const look = () => {
      const isVisible = document.visibilityState === "visible";
      if (isVisible || signal.aborted) resolve(hidden.signal);
      else if (isResolved) hidden.abort();
      if (isVisible) isResolved = true;
      if (signal.aborted || hidden.signal.aborted) {
        hidden.abort();
        document.removeEventListener("visibilitychange", look);
        signal.removeEventListener("abort", look);
      }
    };
    let isResolved = false;
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}
