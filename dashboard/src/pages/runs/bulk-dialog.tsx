// Asks before many runs are retried or abandoned, and shows what came of each.
import { useEffect, useRef, useState } from "preact/hooks";
import { forget } from "../../api/query";
import type { AnyRun } from "../../api/types";
import { Button, Dialog } from "../../ui/controls";
import { count } from "../../ui/format";
import { RunLink } from "../../ui/ids";
import { StatusBadge } from "../../ui/status";
import { OutsideText } from "../../values/outside-text";
import { actOnRuns, type BulkAction, type BulkResult, canDo } from "./bulk";

interface Props {
  action: BulkAction;
  runs: AnyRun[];
  onResult: (result: BulkResult) => void;
  /** `hasActed` is false where the operator canceled before anything was done. */
  onClose: (hasActed: boolean) => void;
}

export function BulkDialog({ action, runs, onResult, onClose }: Props) {
  // The selection as it was when the dialog opened: rows may move meanwhile.
  const [chosen] = useState(() => runs.filter(run => canDo(action, run.status)));
  const [skipped] = useState(runs.length - chosen.length);
  const [results, setResults] = useState<BulkResult[] | null>(null);
  const [isBusy, setBusy] = useState(false);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);

  async function start() {
    const controller = new AbortController();
    abort.current = controller;
    setResults([]);
    setBusy(true);
    const add = (result: BulkResult) => {
      setResults(before => [...(before ?? []), result]);
      onResult(result);
    };
    await actOnRuns(
      action,
      chosen.map(run => run.run_id),
      add,
      controller.signal,
    );
    forget("/api/overview");
    setBusy(false);
  }

  const verb = action === "retry" ? "Retry" : "Abandon";
  return (
    <Dialog
      title={`${verb} ${count(chosen.length, "run")}`}
      onClose={() => onClose(results !== null)}
      closeLabel={results ? "Close" : "Cancel"}
      actions={
        isBusy ? (
          <Button onClick={() => abort.current?.abort()}>Stop</Button>
        ) : results ? null : (
          <Button
            kind={action === "retry" ? "primary" : "danger"}
            decides
            disabled={chosen.length === 0}
            why="No selected run is in a state that allows it."
            onClick={start}
          >
            {verb}
          </Button>
        )
      }
    >
      {results ? (
        <Results action={action} results={results} total={chosen.length} />
      ) : (
        <>
          {action === "retry" ? (
            <p>
              Each run's stored delivery is mapped again by the hook as it is configured now, and starts a new run. An
              unconfirmed run is abandoned first: check in Fabricate that its workflow does not run, or it runs twice.
            </p>
          ) : (
            <p>
              Each run becomes failed and is never started. A workflow that already runs in Fabricate is not stopped.
            </p>
          )}
          {skipped > 0 && (
            <p>
              {count(skipped, "selected run")} cannot be {action === "retry" ? "retried" : "abandoned"} in this state.
            </p>
          )}
        </>
      )}
    </Dialog>
  );
}

function Results({ action, results, total }: { action: BulkAction; results: BulkResult[]; total: number }) {
  const failed = results.filter(result => result.problem !== null).length;
  return (
    <>
      <p role="status">
        {results.length} of {total} done{failed > 0 && `, ${failed} not possible`}
      </p>
      <progress max={total} value={results.length} aria-label="Progress" />
      <ul class="results">
        {results.map(result => (
          <li key={result.runId}>
            <RunLink id={result.runId} />{" "}
            {result.problem !== null ? (
              <span class="row-error">
                not done: <OutsideText text={result.problem} max={300} />
              </span>
            ) : result.run && action === "retry" ? (
              <>
                retried as <RunLink id={result.run.run_id} /> <StatusBadge status={result.run.status} />
              </>
            ) : (
              "abandoned"
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
