// What to do about a run's error. The stages are those of docs/api.md#a-run.
import type { Run, Stage } from "../../api/types";

interface Advice {
  /** What went wrong. */
  meaning: string;
  /** What to do, step by step. */
  steps: string[];
}

const BY_STAGE: Record<Stage, Advice> = {
  mapping: {
    meaning: "The event yielded no parameters. Nothing was started.",
    steps: [
      "Open “How each parameter was made” below: it shows the expression that failed.",
      "Mend the hook's rule and deploy it, or let the sender send the missing field.",
      "Retry the run: the stored delivery is mapped again.",
    ],
  },
  start: {
    meaning: "Fabricate did not start the workflow.",
    steps: [
      "Read the message. 401 or 403: check the API key. 404: check workspace, database and workflow. 400 or 422: check the parameters.",
      "Mend the cause, then retry the run.",
    ],
  },
  workflow: {
    meaning: "The workflow ran and failed at Fabricate.",
    steps: [
      "Read the task's error below, and the workflow's log at Fabricate.",
      "Mend the workflow or the parameters, then retry the run: the workflow runs again from its beginning.",
    ],
  },
  poll: {
    meaning: "seedhook could not follow the task to its end. The workflow may still run.",
    steps: [
      "Look for the task at Fabricate by its id.",
      "If it still runs, wait for it or cancel it there. If it takes longer than expected, raise the rule's deadline_seconds.",
      "Retry the run only if its work is missing: otherwise the work is done twice.",
    ],
  },
  archive: {
    meaning: "The workflow is done, but not every file could be copied.",
    steps: [
      "The files below say which copy failed, and why.",
      "Retry the run: the workflow is not started again; the files that are archived stay, and the missing ones are copied.",
    ],
  },
};

const UNCONFIRMED: Advice = {
  meaning:
    "A start request was sent and no answer came. Nobody knows whether the workflow runs, so seedhook does not start it again.",
  steps: [
    "Look at Fabricate for a task of this workflow that began at about the time of the start (see the timeline).",
    "There is one: adopt it with its id, and seedhook follows it.",
    "There is none: retry the run.",
    "The work is not wanted any more: abandon the run.",
  ],
};

/** What a failed or `unconfirmed` run means and what to do, or `null` for another run. */
export function adviceForRun(run: Pick<Run, "status" | "error">): Advice | null {
  if (run.status === "unconfirmed") return UNCONFIRMED;
  if (!run.error) return null;
  return BY_STAGE[run.error.stage] ?? { meaning: "The run failed.", steps: ["Read the message, then retry the run."] };
}

/** What a retry of this run does, in sentences for the dialog that asks. */
export function retryEffects(run: Pick<Run, "status" | "error" | "task">): string[] {
  const effects = ["A new run is made from the stored delivery, mapped by the hook as it is configured now."];
  if (run.status === "completed") {
    effects.push("The workflow has done its work already. It runs again and does its work a second time.");
  } else if (run.status === "unconfirmed") {
    effects.push(
      "This run is abandoned first. If its workflow was started after all, the work is done twice: check at Fabricate.",
    );
  } else if (run.error?.stage === "archive") {
    effects.push(
      "The workflow is not started again. The new run takes over the task, keeps the archived files and copies the missing ones.",
    );
  } else if (run.error?.stage === "poll") {
    effects.push("The workflow of this run may still run. Then the work is done twice: check at Fabricate.");
  } else {
    effects.push("The workflow is started again from its beginning.");
  }
  effects.push("A run is retried once. A retry that fails can be retried in turn.");
  return effects;
}
