// What each event of a timeline means, in one sentence, and how long after the one before it came. It renders nothing.
import type { TimelineEvent } from "../../api/types";
import { formatBytes, formatDuration, formatTime } from "../../ui/format";
import { plainName } from "../../values/text";

export type Tone = "good" | "bad" | "warn" | "plain";

export interface EventText {
  sentence: string;
  /** A reason from outside; may be long. */
  reason: string | null;
  tone: Tone;
  /** Another run that the event names. */
  runId: string | null;
}

/** Describes an event. One that this version does not know is shown by its name. */
export function describeEvent(event: TimelineEvent): EventText {
  const text = (sentence: string, more: Partial<EventText> = {}): EventText => ({
    sentence,
    reason: null,
    tone: "plain",
    runId: null,
    ...more,
  });
  switch (event.event) {
    case "accepted":
      return event.retry_of
        ? text("This run was made to retry another one.", { runId: event.retry_of })
        : text("The delivery was accepted and stored.");
    case "start_decided":
      return text(
        event.attempt > 1
          ? `seedhook decided to start the workflow again: attempt ${event.attempt}.`
          : "seedhook decided to start the workflow.",
      );
    case "start_put_off":
      return text(`Fabricate did not take the start. The next attempt comes after ${formatTime(event.not_before)}.`, {
        reason: event.reason,
        tone: "warn",
      });
    case "start_unconfirmed":
      return text(
        event.not_before === null
          ? "Nobody knows whether the workflow was started. The run waits for you."
          : `Nobody knows whether the workflow was started. seedhook starts it again after ${formatTime(event.not_before)}.`,
        { reason: event.reason, tone: "warn" },
      );
    case "started":
      return text(`Fabricate confirmed the start: task ${event.task_id}.`, { tone: "good" });
    case "task_created":
      return text("Fabricate created the task.");
    case "task_started":
      return text("Fabricate began to run the workflow.");
    case "task_ended":
      return text(`Fabricate ended the task: ${event.status}.`, {
        tone: event.status === "completed" ? "good" : "warn",
      });
    case "file_archived":
      return text(
        `The file ${plainName(event.name)} was archived${event.bytes !== null ? ` (${formatBytes(event.bytes)})` : ""}.`,
        { tone: "good" },
      );
    case "file_failed":
      return text(`The file ${plainName(event.name)} could not be archived.`, { reason: event.reason, tone: "bad" });
    case "ended":
      return describeEnd(event, text);
    case "notified":
      return text(`The target ${event.target} was told${event.attempts > 1 ? ` in ${event.attempts} attempts` : ""}.`, {
        tone: "good",
      });
    case "notification_failed":
      return text(`The target ${event.target} was not told.`, { reason: event.reason, tone: "bad" });
    case "retried":
      return text("This run was retried by a new one.", { runId: event.run_id });
    default:
      return text(`${(event as { event: string }).event.replaceAll("_", " ")}.`);
  }
}

function describeEnd(
  event: Extract<TimelineEvent, { event: "ended" }>,
  text: (sentence: string, more?: Partial<EventText>) => EventText,
): EventText {
  if (event.status === "completed") return text("The run is completed.", { tone: "good" });
  if (event.replaced_by)
    return text("The run was never started: a newer run of its key replaced it.", { runId: event.replaced_by });
  if (event.skipped_for)
    return text("The run was never started: another run of its key was in its way.", { runId: event.skipped_for });
  if (event.status === "canceled")
    return text("The run is canceled: the task was canceled at Fabricate.", { tone: "warn" });
  const where = event.stage ? ` at stage ${event.stage}` : "";
  return text(`The run failed${where}.`, { reason: event.reason, tone: "bad" });
}

/** How long after the event before: `after 3.2 s`. Empty for the first, and where it came earlier. */
export function describeGap(before: string | undefined, at: string): string {
  if (!before) return "";
  const seconds = (Date.parse(at) - Date.parse(before)) / 1000;
  return seconds >= 0 ? `after ${seconds < 0.1 ? "0 s" : formatDuration(seconds)}` : "";
}
