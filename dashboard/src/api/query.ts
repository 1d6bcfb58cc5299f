// Reads an address for a page: from memory where it is fresh, again by itself at the rate of `polling.ts`.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call, isAbort } from "./client";
import { isFresh, isListDue } from "./polling";

interface Entry {
  fetchedAtMs: number;
  data: unknown;
  text: string;
}

const ENTRIES_MAX = 40;
const CHECK_MS = 15_000;
const entries = new Map<string, Entry>();

export interface Query<T> {
  data: T | null;
  /** The JSON as it came. */
  text: string | null;
  error: unknown;
  isLoading: boolean;
  fetchedAtMs: number | null;
  /** Reads again now. */
  refresh: () => void;
}

/** What is remembered of an address, however old. */
export function remembered<T>(path: string): { data: T; fetchedAtMs: number } | null {
  const entry = entries.get(path);
  return entry ? { data: entry.data as T, fetchedAtMs: entry.fetchedAtMs } : null;
}

/** Remembers data for an address; the oldest of too many is forgotten. */
export function remember(path: string, data: unknown, text = "", fetchedAtMs = Date.now()) {
  entries.delete(path);
  entries.set(path, { data, text, fetchedAtMs });
  const oldest = entries.keys().next();
  if (entries.size > ENTRIES_MAX && !oldest.done) entries.delete(oldest.value);
}

/** Forgets all answers below a path: after an action that changes them. */
export function forget(prefix: string) {
  for (const path of [...entries.keys()]) if (path.startsWith(prefix)) entries.delete(path);
}

/** Reads `path` when the page opens, on `refresh`, and by itself every five minutes while the tab is visible. */
export function useQuery<T>(path: string): Query<T> {
  const known = entries.get(path);
  const [, render] = useState(0);
  const [error, setError] = useState<unknown>(null);
  const [isLoading, setLoading] = useState(false);
  const abort = useRef<AbortController | null>(null);

  const refresh = useCallback(() => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    setLoading(true);
    call<T>(path, { signal: controller.signal }).then(
      answer => {
        if (controller.signal.aborted) return;
        remember(path, answer.data, answer.text);
        setError(null);
        setLoading(false);
        render(n => n + 1);
      },
      failure => {
        if (controller.signal.aborted || isAbort(failure)) return;
        setError(failure);
        setLoading(false);
      },
    );
  }, [path]);

  useEffect(() => {
    setError(null);
    const entry = entries.get(path);
    if (!entry || !isFresh(entry.fetchedAtMs, Date.now())) refresh();
    else setLoading(false);
    return () => abort.current?.abort();
  }, [path, refresh]);

  useAutoRefresh(() => entries.get(path)?.fetchedAtMs ?? null, refresh);

  return {
    data: (known?.data as T) ?? null,
    text: known?.text ?? null,
    error,
    isLoading,
    fetchedAtMs: known?.fetchedAtMs ?? null,
    refresh,
  };
}

/** Calls `refresh` when a list is due: checked every 15 seconds, and when the tab becomes visible. */
export function useAutoRefresh(fetchedAtMs: () => number | null, refresh: () => void) {
  const latest = useRef({ fetchedAtMs, refresh });
  latest.current = { fetchedAtMs, refresh };
  useEffect(() => {
    let askedAtMs = 0;
    const check = () => {
      const nowMs = Date.now();
      // A failed call leaves the list as old as it was: `askedAtMs` keeps its repetition at the same rate.
      const since = Math.max(latest.current.fetchedAtMs() ?? nowMs, askedAtMs);
      if (!isListDue(since, nowMs, document.visibilityState === "visible")) return;
      askedAtMs = nowMs;
      latest.current.refresh();
    };
    const timer = setInterval(check, CHECK_MS);
    document.addEventListener("visibilitychange", check);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", check);
    };
  }, []);
}
