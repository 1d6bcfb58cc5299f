// The list of runs that the page shows: its pages, the rows that move, and the changes that the operator makes.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call, callIfChanged, isAbort } from "../../api/client";
import { isFresh, mergeFirstPage, RUN_POLL_MS, runsToPoll } from "../../api/polling";
import { remember, remembered, useAutoRefresh } from "../../api/query";
import type { AnyRun, Run, RunList } from "../../api/types";
import { listPath, type RunFilters, writeFilters } from "./filters";

interface Shown {
  runs: AnyRun[];
  cursor: string | null;
  /** When the first page was read; its period counts for the pages after it. */
  readAtMs: number;
}

export interface RunListState {
  runs: AnyRun[] | null;
  hasMore: boolean;
  error: unknown;
  isLoading: boolean;
  fetchedAtMs: number | null;
  refresh: () => void;
  loadMore: () => void;
  /** Takes in runs that a call has answered: changed ones in their place, new ones first. */
  takeIn: (runs: AnyRun[]) => void;
}

/** At most this many rows are kept; more of them make a page slow. */
const ROWS_MAX = 2_000;

export function useRunList(filters: RunFilters): RunListState {
  const key = writeFilters(filters);
  const [, render] = useState(0);
  const [error, setError] = useState<unknown>(null);
  const [isLoading, setLoading] = useState(false);
  const abort = useRef<AbortController | null>(null);
  const filtersNow = useRef(filters);
  filtersNow.current = filters;

  const load = useCallback(
    (isMore: boolean) => {
      abort.current?.abort();
      const controller = new AbortController();
      abort.current = controller;
      const shown = remembered<Shown>(key)?.data ?? null;
      const readAtMs = isMore && shown ? shown.readAtMs : Date.now();
      const path = listPath(filtersNow.current, readAtMs, isMore ? (shown?.cursor ?? null) : null);
      setLoading(true);
      call<RunList>(path, { signal: controller.signal }).then(
        ({ data }) => {
          if (controller.signal.aborted) return;
          const before = remembered<Shown>(key);
          remember(
            key,
            join(before?.data ?? null, data, isMore, readAtMs),
            "",
            isMore ? before?.fetchedAtMs : Date.now(),
          );
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
    },
    [key],
  );

  const refresh = useCallback(() => load(false), [load]);
  const loadMore = useCallback(() => load(true), [load]);
  const takeIn = useCallback(
    (runs: AnyRun[]) => {
      const known = remembered<Shown>(key);
      if (!known || runs.length === 0) return;
      remember(key, { ...known.data, runs: update(known.data.runs, runs) }, "", known.fetchedAtMs);
      render(n => n + 1);
    },
    [key],
  );

  useEffect(() => {
    setError(null);
    const known = remembered<Shown>(key);
    if (known && isFresh(known.fetchedAtMs, Date.now())) setLoading(false);
    else refresh();
    return () => abort.current?.abort();
  }, [key, refresh]);

  const known = remembered<Shown>(key);
  useAutoRefresh(() => remembered(key)?.fetchedAtMs ?? null, refresh);
  useMovingRuns(known?.data.runs ?? null, takeIn);

  return {
    runs: known?.data.runs ?? null,
    hasMore: known !== null && known.data.cursor !== null && known.data.runs.length < ROWS_MAX,
    error,
    isLoading,
    fetchedAtMs: known?.fetchedAtMs ?? null,
    refresh,
    loadMore,
    takeIn,
  };
}

/** A page put into what is shown. A first page that is read again keeps the pages after it. */
function join(before: Shown | null, page: RunList, isMore: boolean, readAtMs: number): Shown {
  if (isMore && before) {
    const known = new Set(before.runs.map(run => run.run_id));
    const added = page.runs.filter(run => !known.has(run.run_id));
    return { ...before, runs: [...before.runs, ...added], cursor: page.cursor };
  }
  const runs = before ? mergeFirstPage(before.runs, page.runs, page.cursor === null) : page.runs;
  const keptMore = before !== null && runs.length > page.runs.length;
  return { runs, cursor: keptMore ? before.cursor : page.cursor, readAtMs: keptMore ? before.readAtMs : readAtMs };
}

/** Changed runs in their place, new ones first. */
export function update(shown: AnyRun[], changed: AnyRun[]): AnyRun[] {
  const byId = new Map(changed.map(run => [run.run_id, run]));
  const rows = shown.map(run => {
    const change = byId.get(run.run_id);
    byId.delete(run.run_id);
    return change ?? run;
  });
  return [...byId.values(), ...rows];
}

/** Reads the rows that move by their key, every ten seconds while the tab is visible. */
function useMovingRuns(runs: AnyRun[] | null, takeIn: (runs: AnyRun[]) => void) {
  const latest = useRef({ runs, takeIn });
  latest.current = { runs, takeIn };
  useEffect(() => {
    const controller = new AbortController();
    const etags = new Map<string, string>();
    let turn = 0;
    let isBusy = false;
    const poll = async () => {
      if (isBusy || document.visibilityState !== "visible") return;
      isBusy = true;
      const ids = runsToPoll(latest.current.runs ?? [], turn++);
      const answers = await Promise.all(ids.map(id => readRun(id, etags, controller.signal)));
      isBusy = false;
      if (!controller.signal.aborted) latest.current.takeIn(answers.filter(run => run !== null));
    };
    const timer = setInterval(() => void poll(), RUN_POLL_MS);
    return () => {
      clearInterval(timer);
      controller.abort();
    };
  }, []);
}

/** A run, or `null` where it has not changed or cannot be read now: the next turn asks again. */
async function readRun(id: string, etags: Map<string, string>, signal: AbortSignal): Promise<AnyRun | null> {
  try {
    const etag = etags.get(id) ?? null;
    const answer = await callIfChanged<Run>(`/api/runs/${encodeURIComponent(id)}`, { signal, etag });
    if (answer?.etag) etags.set(id, answer.etag);
    return answer?.data ?? null;
  } catch {
    return null;
  }
}
