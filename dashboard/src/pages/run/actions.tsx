// What the operator can decide about a run: retry, adopt, abandon. Each asks first and says what will happen.
import { type ComponentChildren, Fragment } from "preact";
import { useState } from "preact/hooks";
import { ApiError, call, withQuery } from "../../api/client";
import type { Run } from "../../api/types";
import { navigate, runLink } from "../../router";
import { Button, ConfirmDialog, ErrorBox, toast } from "../../ui/controls";
import { STATUSES } from "../../ui/status";
import { retryEffects } from "./advice";
import { runPath } from "./load";

type Action = "retry" | "adopt" | "abandon";

interface ActionsProps {
  run: Run;
  /** The run that retries this one, if there is one. */
  retriedBy: string | null;
  /** Reads the run again. */
  onChanged: () => void;
}

/** What can be done with a run in its state; the order is that of the buttons. */
export function actionsFor(run: Run, retriedBy: string | null): Action[] {
  const actions: Action[] = [];
  if (run.status === "unconfirmed") actions.push("adopt");
  const canRetry = ["failed", "canceled", "unconfirmed", "completed"].includes(run.status);
  if (canRetry && retriedBy === null) actions.push("retry");
  if (run.status === "unconfirmed" || run.status === "queued") actions.push("abandon");
  return actions;
}

const LABELS: Record<Action, string> = { retry: "Retry", adopt: "Adopt a task", abandon: "Abandon" };

export function Actions({ run, retriedBy, onChanged }: ActionsProps) {
  const [open, setOpen] = useState<Action | null>(null);
  const actions = actionsFor(run, retriedBy);
  const close = () => setOpen(null);
  const onDone = (text: string, isDone: boolean) => {
    close();
    toast(text, isDone ? "good" : "bad");
    onChanged();
  };
  return (
    <div class="row">
      {actions.map(action => (
        <Button
          key={action}
          decides
          kind={
            action === "abandon"
              ? "danger"
              : action === "retry" && (run.status === "failed" || run.status === "canceled")
                ? "primary"
                : "plain"
          }
          onClick={() => setOpen(action)}
        >
          {action === "retry" && run.status === "completed" ? "Run again" : LABELS[action]}…
        </Button>
      ))}
      {open === "retry" && <RetryDialog run={run} onClose={close} onDone={onDone} />}
      {open === "adopt" && <AdoptDialog run={run} onClose={close} onDone={onDone} />}
      {open === "abandon" && <AbandonDialog run={run} onClose={close} onDone={onDone} />}
    </div>
  );
}

interface DialogProps {
  run: Run;
  onClose: () => void;
  onDone: (text: string, isDone: boolean) => void;
}

function RetryDialog({ run, onClose, onDone }: DialogProps) {
  const isCompleted = run.status === "completed";
  const path = withQuery(runPath(run.run_id, "retry"), { force: isCompleted ? "true" : null });
  const [decision, error] = useDecision(path, onDone, answer => {
    onDone("The run is retried. This is the new run.", true);
    navigate(runLink(answer.run_id));
  });
  return (
    <ConfirmDialog
      title={isCompleted ? "Do the work a second time?" : "Retry this run?"}
      confirmLabel={isCompleted ? "Run again" : "Retry"}
      danger={isCompleted || run.status === "unconfirmed"}
      onConfirm={() => decision(null)}
      onClose={onClose}
    >
      <ul>
        {retryEffects(run).map(effect => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
      {error}
    </ConfirmDialog>
  );
}

function AdoptDialog({ run, onClose, onDone }: DialogProps) {
  const [taskId, setTaskId] = useState("");
  const [decision, error, say] = useDecision(runPath(run.run_id, "adopt"), onDone, () =>
    onDone("The task is adopted. seedhook follows it now.", true),
  );
  const confirm = () => {
    if (taskId.trim() === "") say("Enter the id of the task.");
    else decision({ task_id: taskId.trim() });
  };
  return (
    <ConfirmDialog title="Adopt a task?" confirmLabel="Adopt" onConfirm={confirm} onClose={onClose}>
      <p>
        The run takes the task that you found at Fabricate. seedhook follows it to its end and archives its files.
        Nothing is started. A wrong id gives this run the result of another task.
      </p>
      <Field label="Task id, as Fabricate shows it" value={taskId} onInput={setTaskId} onEnter={confirm} max={200} />
      {error}
    </ConfirmDialog>
  );
}

function AbandonDialog({ run, onClose, onDone }: DialogProps) {
  const [reason, setReason] = useState("");
  const [decision, error] = useDecision(runPath(run.run_id, "abandon"), onDone, () =>
    onDone("The run is abandoned.", true),
  );
  const confirm = () => decision(reason.trim() === "" ? {} : { reason: reason.trim() });
  return (
    <ConfirmDialog title="Abandon this run?" confirmLabel="Abandon" danger onConfirm={confirm} onClose={onClose}>
      <p>
        The run becomes failed for good.{" "}
        {run.status === "queued"
          ? "Its workflow is not started."
          : "If its workflow was started after all, it goes on at Fabricate, and seedhook does not follow it."}{" "}
        An abandoned run can be retried.
      </p>
      <Field
        label="Reason (optional; it is kept with the run)"
        value={reason}
        onInput={setReason}
        onEnter={confirm}
        max={500}
      />
      {error}
    </ConfirmDialog>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  onEnter: () => void;
  max: number;
}

function Field({ label, value, onInput, onEnter, max }: FieldProps) {
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        onEnter();
      }}
    >
      <label class="field">
        {label}
        <input
          type="text"
          value={value}
          maxLength={max}
          autocomplete="off"
          spellcheck={false}
          onInput={event => onInput(event.currentTarget.value)}
        />
      </label>
    </form>
  );
}

/** Sends a decision once at a time. A run in another state closes the dialog; any other error is shown in it. */
function useDecision(
  path: string,
  onDone: DialogProps["onDone"],
  onAnswer: (run: Run) => void,
): [(body: object | null) => void, ComponentChildren, (message: string) => void] {
  const [isSending, setSending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [message, setMessage] = useState<string | null>(null);
  const send = (body: object | null) => {
    if (isSending) return;
    setSending(true);
    setError(null);
    setMessage(null);
    call<Run>(path, { method: "POST", body: JSON.stringify(body ?? {}) }).then(
      answer => onAnswer(answer.data),
      failure => {
        setSending(false);
        if (failure instanceof ApiError && failure.problem === "wrong-state")
          onDone(describeWrongState(failure), false);
        else if (failure instanceof ApiError && failure.problem === "bad-body") setMessage(failure.message);
        else setError(failure);
      },
    );
  };
  const shown = (
    <Fragment>
      {isSending && <p role="status">Sending…</p>}
      {message && <p role="alert">{message}</p>}
      {error !== null && <ErrorBox error={error} />}
    </Fragment>
  );
  return [send, shown, setMessage];
}

/** What a 409 `wrong-state` means: the page then shows the run as it is. */
export function describeWrongState(error: ApiError): string {
  const status = error.body?.run?.status;
  const word = status ? (STATUSES[status]?.word ?? status) : null;
  return `Nothing was done: ${error.message}.${word ? ` The run is ${word} now.` : ""}`;
}
