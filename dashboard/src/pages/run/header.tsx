// The head of a run's page: what it is, where it comes from, where it goes.
import type { Run } from "../../api/types";
import { hookLink, link, runLink } from "../../router";
import { PageHeading } from "../../ui/controls";
import { formatDuration } from "../../ui/format";
import { containerOf, Name } from "../../ui/ids";
import { STATUSES, StatusBadge } from "../../ui/status";
import { Time } from "../../ui/time";
import { describeWaiting } from "../../ui/waiting";
import { OutsideText } from "../../values/outside-text";
import { adviceForRun } from "./advice";
import type { LiveState } from "./live";
import { Facts } from "./section";
import { Id } from "./task";

/** A longer delivery id does not fit into an address. */
const LINKED_CHARACTERS_MAX = 1_000;

interface HeaderProps {
  run: Run;
  retriedBy: string | null;
}

export function Heading({ run }: { run: Run }) {
  return (
    <PageHeading title={`Run ${run.run_id}`}>
      Run of <Name text={run.hook} /> <StatusBadge status={run.status} />
    </PageHeading>
  );
}

export function Summary({ run, retriedBy }: HeaderProps) {
  const target = [run.workspace, containerOf(run), run.workflow].join(" / ");
  return (
    <section class="card" aria-label="Summary">
      <p class="meaning">{STATUSES[run.status]?.meaning}</p>
      <Facts
        rows={[
          [
            "Hook",
            <a key="hook" href={hookLink(run.hook)}>
              <OutsideText text={run.hook} max={200} />
            </a>,
          ],
          ["Target", <OutsideText key="target" text={target} max={500} />],
          ["Run id", <Id key="run" id={run.run_id} what="run id" />],
          ["Delivery id", <DeliveryId key="delivery" run={run} />],
          ["Item", run.item_id && <Id key="item" id={run.item_id} what="item id" />],
          ["Key", run.key && <OutsideText key="key" text={run.key} max={500} />],
          ["Waits", describeWaiting(run)],
          ["Behind", run.waiting?.behind?.length ? <RunLinks key="behind" runIds={run.waiting.behind} /> : null],
          ["Replaced by", run.replaced_by && <RunLink key="replaced" runId={run.replaced_by} />],
          ["Skipped for", run.skipped_for && <RunLink key="skipped" runId={run.skipped_for} />],
          ["Accepted", <Time key="accepted" at={run.received_at} />],
          ["Started", run.started_at && <Time key="started" at={run.started_at} />],
          ["Ended", run.finished_at && <Time key="ended" at={run.finished_at} />],
          ["Took", took(run)],
          ["Start requests", run.attempts > 1 ? String(run.attempts) : null],
          ["Retry of", run.retry_of && <RunLink key="of" runId={run.retry_of} />],
          ["Retried by", retriedBy && <RunLink key="by" runId={retriedBy} />],
        ]}
      />
    </section>
  );
}

function DeliveryId({ run }: { run: Run }) {
  const hasLink = run.delivery_id.length <= LINKED_CHARACTERS_MAX;
  return (
    <>
      <Id id={run.delivery_id} what="delivery id" />{" "}
      {hasLink && <a href={link("/runs", { delivery_id: run.delivery_id })}>All its runs</a>}
    </>
  );
}

function RunLink({ runId }: { runId: string }) {
  return (
    <a class="mono" href={runLink(runId)}>
      {runId}
    </a>
  );
}

function RunLinks({ runIds }: { runIds: string[] }) {
  return (
    <>
      {runIds.map(runId => (
        <div key={runId}>
          <RunLink runId={runId} />
        </div>
      ))}
    </>
  );
}

function took(run: Run): string | null {
  if (!run.finished_at) return null;
  const seconds = (Date.parse(run.finished_at) - Date.parse(run.received_at)) / 1000;
  return seconds >= 0 ? formatDuration(seconds) : null;
}

/** The error of a run and what to do about it; also of an `unconfirmed` run without an error. */
export function Problem({ run, retriedBy }: HeaderProps) {
  const advice = adviceForRun(run);
  if (!advice) return null;
  return (
    <section class={`notice ${run.status === "unconfirmed" ? "notice-warn" : "notice-bad"}`} aria-label="What to do">
      <strong>{advice.meaning}</strong>
      {run.error && (
        <p>
          Stage {run.error.stage}: <OutsideText text={run.error.message} max={1_000} />
        </p>
      )}
      {retriedBy ? (
        <p>
          It was retried: see <RunLink runId={retriedBy} />
        </p>
      ) : (
        <ol class="advice">
          {advice.steps.map(step => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** Whether the page follows the run, in words. */
export function describeLive(state: LiveState): string {
  switch (state) {
    case "following":
      return "Live: this page shows each change within seconds.";
    case "trying-again":
      return "The Worker cannot be reached just now. This page tries again.";
    case "stopped":
      return "Nothing has changed for an hour, so this page stopped looking.";
    default:
      return "";
  }
}
