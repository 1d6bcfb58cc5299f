// The filters above the list of runs.
import { useState } from "preact/hooks";
import { ApiError, call, withQuery } from "../../api/client";
import { useQuery } from "../../api/query";
import type { HookList, Run, RunList } from "../../api/types";
import { navigate, runLink } from "../../router";
import { Button, toast } from "../../ui/controls";
import { HookSelect } from "../../ui/hook-select";
import { Name } from "../../ui/ids";
import { STATUS_ORDER, STATUSES } from "../../ui/status";
import { fromLocalField, hasFilters, type RunFilters, readFilters, readSearch, toLocalField } from "./filters";

interface Props {
  filters: RunFilters;
  onChange: (filters: RunFilters) => void;
}

const PERIOD_WORDS = { hour: "last hour", day: "last 24 hours", week: "last 7 days" } as const;
const NO_FILTERS = readFilters(new URLSearchParams());

export function FilterForm({ filters, onChange }: Props) {
  const hooks = useQuery<HookList>("/api/hooks").data?.hooks.map(hook => hook.hook) ?? [];
  const names = filters.hook && !hooks.includes(filters.hook) ? [...hooks, filters.hook] : hooks;
  const isCustom = filters.period === null && (filters.since !== "" || filters.until !== "");
  const [showsCustom, setShowsCustom] = useState(isCustom);
  return (
    <section class="card" aria-label="Filters">
      <div class="row filters">
        <SearchBox filters={filters} onFound={onChange} />
        <HookSelect
          id="filter-hook"
          names={names}
          value={filters.hook}
          onChange={hook => onChange({ ...filters, hook })}
        />
        <div class="field">
          <label for="filter-period">Accepted</label>
          <select
            id="filter-period"
            value={filters.period ?? (isCustom || showsCustom ? "custom" : "")}
            onChange={event => {
              const value = event.currentTarget.value;
              setShowsCustom(value === "custom");
              if (value === "custom") return onChange({ ...filters, period: null });
              onChange({ ...filters, period: (value || null) as RunFilters["period"], since: "", until: "" });
            }}
          >
            <option value="">at any time</option>
            {Object.entries(PERIOD_WORDS).map(([period, word]) => (
              <option key={period} value={period}>
                {word}
              </option>
            ))}
            <option value="custom">between…</option>
          </select>
        </div>
        {filters.period === null && (isCustom || showsCustom) && <CustomPeriod filters={filters} onChange={onChange} />}
      </div>
      <fieldset class="row">
        <legend>Status</legend>
        {STATUS_ORDER.map(status => (
          <label key={status} class="check">
            <input
              type="checkbox"
              checked={filters.statuses.includes(status)}
              onChange={event => {
                const others = filters.statuses.filter(other => other !== status);
                onChange({ ...filters, statuses: event.currentTarget.checked ? [...others, status] : others });
              }}
            />
            {STATUSES[status].word}
          </label>
        ))}
        {hasFilters(filters) && (
          <Button
            onClick={() => {
              setShowsCustom(false);
              onChange(NO_FILTERS);
            }}
          >
            Clear filters
          </Button>
        )}
      </fieldset>
      <IdFilter filters={filters} onChange={onChange} />
    </section>
  );
}

function CustomPeriod({ filters, onChange }: Props) {
  return (
    <>
      <div class="field">
        <label for="filter-since">from (your time zone)</label>
        <input
          id="filter-since"
          type="datetime-local"
          value={toLocalField(filters.since)}
          onChange={event => onChange({ ...filters, since: fromLocalField(event.currentTarget.value) })}
        />
      </div>
      <div class="field">
        <label for="filter-until">until</label>
        <input
          id="filter-until"
          type="datetime-local"
          value={toLocalField(filters.until)}
          onChange={event => onChange({ ...filters, until: fromLocalField(event.currentTarget.value) })}
        />
      </div>
    </>
  );
}

/** Says that the list shows one delivery or one task, because the search box is empty after a reload. */
function IdFilter({ filters, onChange }: Props) {
  const id = filters.deliveryId || filters.taskId;
  if (!id) return null;
  return (
    <p class="row">
      <span>
        Only runs of the {filters.deliveryId ? "delivery" : "task"}{" "}
        <span class="mono">
          <Name text={id} max={300} />
        </span>
      </span>
      <Button onClick={() => onChange({ ...filters, deliveryId: "", taskId: "" })}>Show all</Button>
    </p>
  );
}

function SearchBox({ filters, onFound }: { filters: RunFilters; onFound: (filters: RunFilters) => void }) {
  const [text, setText] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function submit(event: Event) {
    event.preventDefault();
    const search = readSearch(text);
    if (!search || isBusy) return;
    setBusy(true);
    try {
      if (search.mayBeRun && (await isRun(search.id))) return navigate(runLink(search.id));
      const found = await findId(search.id);
      if (found) onFound({ ...NO_FILTERS, ...found });
      else toast(`No run, delivery or task has the id ${search.id.slice(0, 80)}.`, "bad");
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "bad");
    } finally {
      setBusy(false);
    }
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: `<search>` is too new for the browsers that we build for
    <form role="search" class="field grow" onSubmit={submit}>
      <label for="search">Find by the id of a run, delivery or task</label>
      <div class="row nowrap">
        <input
          id="search"
          type="search"
          autocomplete="off"
          spellcheck={false}
          value={text}
          placeholder={filters.deliveryId || filters.taskId}
          onInput={event => setText(event.currentTarget.value)}
        />
        <button type="submit" class="button" aria-disabled={isBusy || undefined}>
          {isBusy ? "Searching…" : "Find"}
        </button>
      </div>
    </form>
  );
}

async function isRun(id: string): Promise<boolean> {
  try {
    await call<Run>(`/api/runs/${encodeURIComponent(id)}`);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

/** A delivery is found in the inbox, without a KV list; only then tasks are searched. */
async function findId(id: string): Promise<Partial<RunFilters> | null> {
  const deliveries = await call<RunList>(withQuery("/api/runs", { delivery_id: id, limit: 1 }));
  if (deliveries.data.runs.length > 0) return { deliveryId: id };
  const tasks = await call<RunList>(withQuery("/api/runs", { task_id: id, limit: 1 }));
  return tasks.data.runs.length > 0 || tasks.data.cursor !== null ? { taskId: id } : null;
}
