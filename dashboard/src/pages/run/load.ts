// Loads one answer of the API for a part of the page, and drops it when the part goes away.
import { useCallback, useEffect, useState } from "preact/hooks";
import { type Answer, call, isAbort } from "../../api/client";

export type Load<T> =
  | { state: "loading" }
  | { state: "ready"; answer: Answer<T> }
  | { state: "failed"; error: unknown };

/** Loads `path`, and again whenever `version` changes; the answer before stays until the new one is there. */
export function useLoad<T>(path: string, version: string | number | null = null): [Load<T>, () => void] {
  const [load, setLoad] = useState<Load<T>>({ state: "loading" });
  const [attempt, setAttempt] = useState(0);
  // A new version is why the path is read again
  useEffect(() => {
    const controller = new AbortController();
    call<T>(path, { signal: controller.signal }).then(
      answer => {
        if (!controller.signal.aborted) setLoad({ state: "ready", answer });
      },
      error => {
        if (!controller.signal.aborted && !isAbort(error)) setLoad({ state: "failed", error });
      },
    );
    return () => controller.abort();
  }, [path, version, attempt]);
  const again = useCallback(() => {
    setLoad({ state: "loading" });
    setAttempt(count => count + 1);
  }, []);
  return [load, again];
}

/** The address of a run's call: `runPath(id, "timeline")`. */
export function runPath(runId: string, ...parts: string[]): string {
  return ["/api/runs", ...[runId, ...parts].map(encodeURIComponent)].join("/");
}
