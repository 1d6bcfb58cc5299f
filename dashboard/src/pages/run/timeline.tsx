// The timeline of a run: when what happened, and how long it took.

import { useState } from "preact/hooks";
import type { Timeline as TimelineAnswer, TimelineEvent } from "../../api/types";
import { runLink } from "../../router";
import { Button, ErrorBox } from "../../ui/controls";
import { Time } from "../../ui/time";
import { OutsideText } from "../../values/outside-text";
import type { Load } from "./load";
import { Section } from "./section";
import { describeEvent, describeGap, type Tone } from "./timeline-text";

/** A run with many files has many events; so many are shown at once. */
const EVENTS_SHOWN = 100;

export function Timeline({ load, onRetry }: { load: Load<TimelineAnswer>; onRetry: () => void }) {
  return (
    <Section title="Timeline">
      {load.state === "loading" && <p role="status">Loading the timeline…</p>}
      {load.state === "failed" && <ErrorBox error={load.error} onRetry={onRetry} />}
      {load.state === "ready" && <Events events={load.answer.data.events} />}
    </Section>
  );
}

function Events({ events }: { events: TimelineEvent[] }) {
  const [shown, setShown] = useState(EVENTS_SHOWN);
  const rows = events.slice(0, shown).map((event, index) => ({ id: index, event, before: events[index - 1]?.at }));
  return (
    <>
      <ol class="timeline">
        {rows.map(row => (
          <Event key={row.id} event={row.event} before={row.before} />
        ))}
      </ol>
      {events.length > shown && (
        <Button onClick={() => setShown(shown + EVENTS_SHOWN)}>Show more of {events.length} events</Button>
      )}
    </>
  );
}

function Event({ event, before }: { event: TimelineEvent; before: string | undefined }) {
  const text = describeEvent(event);
  const gap = describeGap(before, event.at);
  return (
    <li>
      <Mark tone={text.tone} />
      <div>
        <p>
          <OutsideText text={text.sentence} max={500} />{" "}
          {text.runId && (
            <a class="mono" href={runLink(text.runId)}>
              {text.runId}
            </a>
          )}
        </p>
        {text.reason && (
          <p class="reason">
            <OutsideText text={text.reason} max={500} />
          </p>
        )}
        <p class="muted small">
          <Time at={event.at} />
          {gap && <span> · {gap}</span>}
        </p>
      </div>
    </li>
  );
}

/** The tone as a shape: a tick, a cross, a triangle, a dot. */
export function Mark({ tone }: { tone: Tone }) {
  return (
    <svg class={`mark mark-${tone}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      {tone === "good" && <path d="M2.5 8.5 6.5 12.5 13.5 4" fill="none" stroke="currentColor" stroke-width="2.4" />}
      {tone === "bad" && (
        <path d="M3.5 3.5 12.5 12.5M12.5 3.5 3.5 12.5" fill="none" stroke="currentColor" stroke-width="2.4" />
      )}
      {tone === "warn" && <path d="M8 2 14.5 13.5H1.5z" fill="none" stroke="currentColor" stroke-width="1.8" />}
      {tone === "plain" && <circle cx="8" cy="8" r="3.5" fill="currentColor" />}
    </svg>
  );
}
