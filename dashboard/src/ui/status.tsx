// The state of a run as a word and a shape, so that it can be read without colour.
import type { ComponentChildren } from "preact";
import type { RunStatus } from "../api/types";

/** Each status: its word, and what it means. */
export const STATUSES: Record<RunStatus, { word: string; meaning: string }> = {
  queued: { word: "queued", meaning: "waits for its start" },
  in_progress: { word: "in progress", meaning: "the workflow runs" },
  archiving: { word: "archiving", meaning: "files are being copied" },
  completed: { word: "completed", meaning: "the workflow and all files are done" },
  failed: { word: "failed", meaning: "ended with an error" },
  canceled: { word: "canceled", meaning: "canceled at Fabricate, or never started because of another run" },
  unconfirmed: { word: "unconfirmed", meaning: "nobody knows whether the workflow runs: it waits for you" },
};

/** In the order of a run's life, with what needs a person first. */
export const STATUS_ORDER: RunStatus[] = [
  "unconfirmed",
  "queued",
  "in_progress",
  "archiving",
  "completed",
  "failed",
  "canceled",
];

const SHAPES: Record<RunStatus, ComponentChildren> = {
  queued: <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="2" />,
  in_progress: (
    <>
      <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="2" />
      <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
    </>
  ),
  archiving: <path d="M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10" fill="none" stroke="currentColor" stroke-width="2" />,
  completed: <path d="M2.5 8.5 6.5 12.5 13.5 4" fill="none" stroke="currentColor" stroke-width="2.4" />,
  failed: <path d="M3.5 3.5 12.5 12.5M12.5 3.5 3.5 12.5" fill="none" stroke="currentColor" stroke-width="2.4" />,
  canceled: <path d="M3 8h10" fill="none" stroke="currentColor" stroke-width="2.6" />,
  unconfirmed: (
    <>
      <path d="M8 1.5 15 14H1z" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round" />
      <path d="M8 6v4M8 11.2v1.4" stroke="currentColor" stroke-width="1.6" />
    </>
  ),
};

/** A status by word and shape. A status of a later version is shown as its name. */
export function StatusBadge({ status }: { status: RunStatus }) {
  const known = STATUSES[status];
  return (
    <span class={`badge badge-${known ? status : "other"}`} title={known?.meaning}>
      <svg viewBox="0 0 16 16" width="13" height="13" aria-hidden="true">
        {SHAPES[status]}
      </svg>
      {known?.word ?? String(status)}
    </span>
  );
}

/** A smaller label: `ready`, `paused`, `refused`. The tone is never the only carrier of a meaning. */
export function Tag({ tone, children }: { tone: "good" | "bad" | "warn" | "plain"; children: ComponentChildren }) {
  return <span class={`tag tag-${tone}`}>{children}</span>;
}
