// The rows of the list of runs.
import type { AnyRun } from "../../api/types";
import { formatDuration } from "../../ui/format";
import { HookLink, Name, RunLink, TargetName } from "../../ui/ids";
import { StatusBadge } from "../../ui/status";
import { Time } from "../../ui/time";
import { describeWaiting } from "../../ui/waiting";
import { canDo } from "./bulk";

interface Props {
  runs: AnyRun[];
  caption: string;
  /** Absent where rows cannot be selected. */
  selection?: { ids: ReadonlySet<string>; onToggle: (id: string) => void; onToggleAll: () => void };
}

/** Whether any action on many runs fits a run. */
export function isSelectable(run: AnyRun): boolean {
  return canDo("retry", run.status) || canDo("abandon", run.status);
}

export function RunTable({ runs, caption, selection }: Props) {
  const selectable = runs.filter(isSelectable);
  const areAllSelected = selectable.length > 0 && selectable.every(run => selection?.ids.has(run.run_id));
  return (
    <div class="table-wrap">
      <table class="responsive">
        <caption>{caption}</caption>
        <thead>
          <tr>
            {selection && (
              <th scope="col">
                <input
                  type="checkbox"
                  aria-label="Select all runs that can be retried or abandoned"
                  checked={areAllSelected}
                  disabled={selectable.length === 0}
                  onChange={selection.onToggleAll}
                />
              </th>
            )}
            <th scope="col">Status</th>
            <th scope="col">Run</th>
            <th scope="col">Hook</th>
            <th scope="col">Workflow</th>
            <th scope="col">Accepted</th>
            <th scope="col">Took</th>
          </tr>
        </thead>
        <tbody>
          {runs.map(run => (
            <Row key={run.run_id} run={run} selection={selection} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ run, selection }: { run: AnyRun; selection: Props["selection"] }) {
  return (
    <tr>
      {selection && (
        <td data-label="Select">
          <input
            type="checkbox"
            aria-label={`Select run ${run.run_id}`}
            checked={selection.ids.has(run.run_id)}
            disabled={!isSelectable(run)}
            onChange={() => selection.onToggle(run.run_id)}
          />
        </td>
      )}
      <td data-label="Status">
        <StatusBadge status={run.status} />
      </td>
      <th scope="row" data-label="Run">
        <RunLink id={run.run_id} />
        {run.retry_of && <span class="muted"> retry</span>}
      </th>
      <td data-label="Hook">
        <HookLink hook={run.hook} />
      </td>
      <td data-label="Workflow">
        <div>
          <TargetName target={run} />
          <GaveWay run={run} />
          {run.error && (
            <div class="row-error">
              {run.error.stage}: <Name text={run.error.message} max={200} />
            </div>
          )}
        </div>
      </td>
      <td data-label="Accepted">
        <Time at={run.received_at} />
      </td>
      <td data-label="Took">{took(run)}</td>
    </tr>
  );
}

/** Why a run is not started, or never was. */
function GaveWay({ run }: { run: AnyRun }) {
  const other = run.replaced_by ?? run.skipped_for;
  const waits = describeWaiting(run);
  if (other !== undefined) {
    return (
      <div class="muted">
        {run.replaced_by ? "replaced by" : "skipped for"} <RunLink id={other} />
      </div>
    );
  }
  return waits === null ? null : <div class="muted">{waits}</div>;
}

/** How long a run took, or `—` while it is open. */
function took(run: AnyRun): string {
  if (!run.finished_at) return "—";
  const seconds = (Date.parse(run.finished_at) - Date.parse(run.received_at)) / 1000;
  return Number.isFinite(seconds) && seconds >= 0 ? formatDuration(seconds) : "—";
}
