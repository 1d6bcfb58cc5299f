// The page of one run. It follows the run while it is not final, and loads delivery and mapping only when they are opened.
import { useEffect, useState } from "preact/hooks";
import type { Answer } from "../../api/client";
import type { Run, Timeline as TimelineAnswer } from "../../api/types";
import "../../styles/run.css";
import { link } from "../../router";
import { Button, ErrorBox, PageHeading } from "../../ui/controls";
import { rawField } from "../../values/json";
import { JsonTree } from "../../values/json-tree";
import { Actions } from "./actions";
import { Delivery } from "./delivery";
import { Files } from "./files";
import { describeLive, Heading, Problem, Summary } from "./header";
import { browserSource, followRun, type LiveState } from "./live";
import { runPath, useLoad } from "./load";
import { Mapping } from "./mapping";
import { Notifications } from "./notifications";
import { FoldedSection, Section } from "./section";
import { Task } from "./task";
import { Timeline } from "./timeline";

export function RunPage({ runId }: { runId: string }) {
  const [answer, setAnswer] = useState<Answer<Run> | null>(null);
  const [live, setLive] = useState<LiveState>("following");
  const [error, setError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  // A new round reads the run again.
  useEffect(() => {
    const controller = new AbortController();
    const listener = {
      onRun: (read: Answer<Run>) => {
        setError(null);
        setAnswer(read);
      },
      onState: setLive,
      onError: setError,
    };
    void followRun(browserSource(runId), listener, controller.signal);
    return () => controller.abort();
  }, [runId, round]);
  const again = () => {
    setError(null);
    setLive("following");
    setRound(round + 1);
  };
  if (answer) return <Shown answer={answer} live={live} error={error} again={again} round={round} />;
  return (
    <>
      <PageHeading title={`Run ${runId}`}>Run</PageHeading>
      {error === null ? (
        <p role="status">Loading the run…</p>
      ) : (
        <>
          <ErrorBox error={error} onRetry={again} />
          <p>
            <a href={link("/runs")}>Go to the list of runs</a>
          </p>
        </>
      )}
    </>
  );
}

export default RunPage;

interface ShownProps {
  answer: Answer<Run>;
  live: LiveState;
  error: unknown;
  again: () => void;
  round: number;
}

function Shown({ answer, live, error, again, round }: ShownProps) {
  const { data: run, text } = answer;
  // The timeline changes when the run does.
  const [timeline, retryTimeline] = useLoad<TimelineAnswer>(runPath(run.run_id, "timeline"), `${answer.etag} ${round}`);
  const events = timeline.state === "ready" ? timeline.answer.data.events : [];
  const retried = events.find(event => event.event === "retried");
  const retriedBy = retried?.event === "retried" ? retried.run_id : null;
  return (
    <>
      <div class="title-row">
        <Heading run={run} />
        <Actions run={run} retriedBy={retriedBy} onChanged={again} />
      </div>
      {error !== null && <ErrorBox error={error} onRetry={again} />}
      {error === null && live !== "final" && (
        <p class="muted" role="status">
          {describeLive(live)} {live === "stopped" && <Button onClick={again}>Look again</Button>}
        </p>
      )}
      <Problem run={run} retriedBy={retriedBy} />
      <div class="columns">
        <div class="stack">
          <Summary run={run} retriedBy={retriedBy} />
          <Task task={run.task} text={text} />
        </div>
        <div class="stack">
          <Timeline load={timeline} onRetry={retryTimeline} />
          <Files runId={run.run_id} files={run.files} />
          <Notifications notifications={run.notifications} />
        </div>
      </div>
      <Section title="Parameters">
        <JsonTree text={rawField(text, "params") ?? "null"} />
      </Section>
      <FoldedSection title="How each parameter was made">{() => <Mapping runId={run.run_id} />}</FoldedSection>
      <FoldedSection title="The delivery as it came">{() => <Delivery runId={run.run_id} />}</FoldedSection>
    </>
  );
}
