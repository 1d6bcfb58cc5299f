// Fabricate's record of the workflow: id, status, times, error, result.
import type { Task as TaskRecord } from "../../api/types";
import { Copy } from "../../ui/controls";
import { formatBytes } from "../../ui/format";
import { Time } from "../../ui/time";
import { rawField } from "../../values/json";
import { JsonTree } from "../../values/json-tree";
import { OutsideText } from "../../values/outside-text";
import { Facts, Section } from "./section";

/** `text` is the run's JSON, from which error and result are shown with every digit. */
export function Task({ task, text }: { task: TaskRecord | null; text: string }) {
  if (task === null) {
    return (
      <Section title="Task">
        <p class="muted">The run has no task: Fabricate has not confirmed a start.</p>
      </Section>
    );
  }
  const result = rawField(text, "task", "result");
  const error = rawField(text, "task", "error");
  return (
    <Section title="Task">
      <Facts
        rows={[
          ["Task id", <Id key="id" id={task.id} what="task id" />],
          ["Workflow id", task.workflow_id && <Id key="workflow" id={task.workflow_id} what="workflow id" />],
          ["Status", <OutsideText key="status" text={task.status} max={200} />],
          ["Created", task.created_at && <Time key="created" at={task.created_at} />],
          ["Started", task.started_at && <Time key="started" at={task.started_at} />],
          ["Ended", task.completed_at && <Time key="ended" at={task.completed_at} />],
        ]}
      />
      {error !== null && error !== "null" && (
        <>
          <h3>Error</h3>
          <JsonTree text={error} />
        </>
      )}
      <h3>Result</h3>
      {task.result_omitted ? (
        <p>
          The result is not kept ({formatBytes(task.result_omitted.bytes)}):{" "}
          <OutsideText text={task.result_omitted.reason} />. Read it at Fabricate.
        </p>
      ) : result === null || result === "null" ? (
        <p class="muted">The task has no result.</p>
      ) : (
        <JsonTree text={result} />
      )}
    </Section>
  );
}

/** An id in full, with a button that copies it. */
export function Id({ id, what }: { id: string; what: string }) {
  return (
    <span class="id">
      <span class="mono">
        <OutsideText text={id} max={200} />
      </span>{" "}
      <Copy text={id} what={what} />
    </span>
  );
}
