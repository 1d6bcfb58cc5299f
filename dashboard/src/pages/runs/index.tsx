// The page of all runs: filters, list, actions on many runs.
import { useEffect, useMemo, useState } from "preact/hooks";
import { location, replaceHash } from "../../router";
import { Button, Empty, ErrorBox, PageHeading } from "../../ui/controls";
import { count } from "../../ui/format";
import { Refresh } from "../../ui/refresh";
import { type BulkAction, SELECTED_MAX } from "./bulk";
import { BulkDialog } from "./bulk-dialog";
import { FilterForm } from "./filter-form";
import { hasFilters, type RunFilters, readFilters, writeFilters } from "./filters";
import { type RunListState, useRunList } from "./list";
import { isSelectable, RunTable } from "./table";

export function RunsPage() {
  const query = location.value.query;
  const filters = useMemo(() => readFilters(query), [query]);
  const list = useRunList(filters);
  const change = (next: RunFilters) => replaceHash(writeFilters(next));
  return (
    <>
      <div class="title-row">
        <PageHeading title="Runs">Runs</PageHeading>
        <Refresh fetchedAtMs={list.fetchedAtMs} isLoading={list.isLoading} onRefresh={list.refresh} />
      </div>
      <FilterForm filters={filters} onChange={change} />
      {list.error !== null && <ErrorBox error={list.error} onRetry={list.refresh} />}
      <List key={writeFilters(filters)} list={list} isFiltered={hasFilters(filters)} />
    </>
  );
}

function List({ list, isFiltered }: { list: RunListState; isFiltered: boolean }) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [action, setAction] = useState<BulkAction | null>(null);
  const runs = list.runs;
  useEffect(() => {
    // A row that moved on, for example from `queued`, cannot be selected any more.
    const possible = new Set((runs ?? []).filter(isSelectable).map(run => run.run_id));
    setSelected(before =>
      [...before].every(id => possible.has(id)) ? before : new Set([...before].filter(id => possible.has(id))),
    );
  }, [runs]);

  if (runs === null) return list.error === null ? <p role="status">Reading runs…</p> : null;
  if (runs.length === 0 && !list.hasMore) return <NoRuns isFiltered={isFiltered} />;

  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id) && next.size < SELECTED_MAX) next.add(id);
    setSelected(next);
  };
  const toggleAll = () => {
    const ids = runs.filter(isSelectable).map(run => run.run_id);
    setSelected(ids.every(id => selected.has(id)) ? new Set() : new Set(ids.slice(0, SELECTED_MAX)));
  };
  return (
    <>
      <section class="row" aria-label="Actions on selected runs">
        <span role="status">{count(selected.size, "run")} selected</span>
        <Button decides disabled={selected.size === 0} why="Select runs first." onClick={() => setAction("retry")}>
          Retry
        </Button>
        <Button decides disabled={selected.size === 0} why="Select runs first." onClick={() => setAction("abandon")}>
          Abandon
        </Button>
        {selected.size >= SELECTED_MAX && <span class="muted">At most {SELECTED_MAX} at once.</span>}
      </section>
      <p class="visually-hidden" role="status">
        {count(runs.length, "run")} shown
      </p>
      <RunTable
        runs={runs}
        caption={`${count(runs.length, "run")} shown, newest first. A change of the last minute may be missing.`}
        selection={{ ids: selected, onToggle: toggle, onToggleAll: toggleAll }}
      />
      {list.hasMore && (
        <div class="row">
          <Button onClick={list.loadMore} disabled={list.isLoading} why="The list is being read.">
            Load more
          </Button>
          {runs.length === 0 && <span class="muted">This page has no run that fits; there may be older ones.</span>}
        </div>
      )}
      {action && (
        <BulkDialog
          action={action}
          runs={runs.filter(run => selected.has(run.run_id))}
          onResult={result => result.run && list.takeIn([result.run])}
          onClose={hasActed => {
            setAction(null);
            if (hasActed) setSelected(new Set());
          }}
        />
      )}
    </>
  );
}

function NoRuns({ isFiltered }: { isFiltered: boolean }) {
  return isFiltered ? (
    <Empty title="No run fits these filters.">
      <p>
        A webhook that was refused or ignored makes no run: see <a href="#/deliveries">Deliveries</a>.
      </p>
    </Empty>
  ) : (
    <Empty title="There are no runs yet.">
      <p>
        A run appears when a hook accepts a delivery. <a href="#/hooks">Hooks</a> shows the addresses to give to
        senders, and has a playground to start one by hand.
      </p>
    </Empty>
  );
}
