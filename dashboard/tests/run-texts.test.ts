import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/api/client";
import type { Problem, Run, RunBrief, RunStatus, Stage, TimelineEvent, WaitingFor } from "../src/api/types";
import { actionsFor, describeWrongState } from "../src/pages/run/actions";
import { adviceForRun, retryEffects } from "../src/pages/run/advice";
import { downloadWay } from "../src/pages/run/download";
import { describeEvent, describeGap } from "../src/pages/run/timeline-text";
import { describeWaiting } from "../src/ui/waiting";

const at = "2026-11-24T10:00:00.000Z";

function run(status: RunStatus, stage?: Stage): Run {
  const error = stage ? { stage, message: "no", at, attempts: 1 } : null;
  return { status, error, task: null } as Run;
}

test("each event has its sentence", () => {
  const check = (event: TimelineEvent, expected: RegExp, tone: string) => {
    const text = describeEvent(event);
    assert.match(text.sentence, expected);
    assert.match(text.sentence, /\.$/);
    assert.equal(text.tone, tone, text.sentence);
  };
  check({ at, event: "accepted", retry_of: null }, /delivery was accepted/, "plain");
  check({ at, event: "start_decided", attempt: 1 }, /decided to start the workflow\.$/, "plain");
  check({ at, event: "start_decided", attempt: 3 }, /attempt 3/, "plain");
  check({ at, event: "start_put_off", reason: "HTTP 503", not_before: at }, /next attempt comes after/, "warn");
  check({ at, event: "start_unconfirmed", reason: "r", not_before: null }, /waits for you/, "warn");
  check({ at, event: "start_unconfirmed", reason: "r", not_before: at }, /starts it again after/, "warn");
  check({ at, event: "started", task_id: "t-1" }, /task t-1/, "good");
  check({ at, event: "task_created" }, /created the task/, "plain");
  check({ at, event: "task_started" }, /began to run/, "plain");
  check({ at, event: "task_ended", status: "completed" }, /ended the task: completed/, "good");
  check({ at, event: "task_ended", status: "failed" }, /ended the task: failed/, "warn");
  check({ at, event: "file_archived", file_id: "1", name: "a\u202E.csv", bytes: 2048 }, /a⟨202E⟩.csv .*2 KiB/, "good");
  check({ at, event: "file_failed", file_id: "1", name: "a.csv", reason: "r" }, /a.csv could not/, "bad");
  check({ at, event: "ended", status: "completed", stage: null, reason: null }, /is completed/, "good");
  check({ at, event: "ended", status: "failed", stage: "start", reason: "r" }, /failed at stage start/, "bad");
  check({ at, event: "ended", status: "canceled", stage: null, reason: null }, /canceled/, "warn");
  check({ at, event: "made_up_later" } as unknown as TimelineEvent, /made up later/, "plain");
});

test("an event gives its reason and the run that it names", () => {
  assert.equal(describeEvent({ at, event: "ended", status: "failed", stage: "poll", reason: "late" }).reason, "late");
  assert.equal(describeEvent({ at, event: "retried", run_id: "b" }).runId, "b");
  assert.equal(describeEvent({ at, event: "accepted", retry_of: "a" }).runId, "a");
});

test("a run that gave way says to which run", () => {
  const ended = { at, event: "ended", status: "canceled", stage: null, reason: null } as const;
  const replaced = describeEvent({ ...ended, replaced_by: "b" });
  assert.match(replaced.sentence, /never started: a newer run/);
  assert.equal(replaced.runId, "b");
  const skipped = describeEvent({ ...ended, skipped_for: "a" });
  assert.match(skipped.sentence, /never started: another run/);
  assert.equal(skipped.runId, "a");
});

test("a run says what it waits for", () => {
  const text = (waits: WaitingFor, key: string | null, not_before: string | null) =>
    describeWaiting({ waiting: { for: waits, key, not_before } });
  assert.equal(text("concurrency", "a\u202E", null), "waits for its turn: runs of the key a⟨202E⟩ run one at a time");
  assert.match(text("debounce", "a", at) ?? "", /^waits until .* for newer runs of the key a$/);
  assert.match(text("retry", null, at) ?? "", /^waits until .* for its next start$/);
  assert.match(text("max_running", null, null) ?? "", /fewer runs are in progress/);
  assert.match(text("made_up" as WaitingFor, null, null) ?? "", /made_up/);
  assert.equal(describeWaiting({}), null);
});

test("a gap is the time since the event before", () => {
  assert.equal(describeGap(at, "2026-11-24T10:00:03.500Z"), "after 3.5 s");
  assert.equal(describeGap(at, at), "after 0 s");
  assert.equal(describeGap(undefined, at), "");
  assert.equal(describeGap("2026-11-24T10:00:03.500Z", at), "");
});

test("each stage has advice, and a run without an error has none", () => {
  const later = "a-later-one" as Stage;
  for (const stage of ["mapping", "start", "workflow", "poll", "archive", later] as const) {
    assert.ok((adviceForRun(run("failed", stage))?.steps.length ?? 0) > 0, stage);
  }
  assert.match(adviceForRun(run("unconfirmed"))?.steps.join(" ") ?? "", /adopt.*retry.*abandon/s);
  assert.equal(adviceForRun(run("completed")), null);
});

test("the dialog of a retry says what the retry does", () => {
  const effects = (status: RunStatus, stage?: Stage) => retryEffects(run(status, stage)).join(" ");
  assert.match(effects("completed"), /second time/);
  assert.match(effects("unconfirmed", "start"), /abandoned first/);
  assert.match(effects("failed", "archive"), /not started again/);
  assert.match(effects("failed", "poll"), /may still run/);
  assert.match(effects("failed", "start"), /started again from its beginning/);
});

test("the actions are those that the state allows", () => {
  assert.deepEqual(actionsFor(run("queued"), null), ["abandon"]);
  assert.deepEqual(actionsFor(run("in_progress"), null), []);
  assert.deepEqual(actionsFor(run("archiving"), null), []);
  assert.deepEqual(actionsFor(run("completed"), null), ["retry"]);
  assert.deepEqual(actionsFor(run("failed"), null), ["retry"]);
  assert.deepEqual(actionsFor(run("failed"), "later"), []);
  assert.deepEqual(actionsFor(run("canceled"), null), ["retry"]);
  assert.deepEqual(actionsFor(run("unconfirmed"), null), ["adopt", "retry", "abandon"]);
});

test("a wrong state says what the run is now", () => {
  const detail = "only a run that has ended can be retried";
  const body: Problem = {
    type: "urn:seedhook:problem:wrong-state",
    title: "Wrong state",
    status: 409,
    detail,
    run: { status: "in_progress" } as RunBrief,
  };
  const error = new ApiError(409, "wrong-state", "Wrong state", detail, null, body);
  assert.equal(
    describeWrongState(error),
    "Nothing was done: only a run that has ended can be retried. The run is in progress now.",
  );
});

test("small files come with the token, larger ones by a link", () => {
  const way = (size: number | null, hasLinks: boolean) => downloadWay({ size, state: "archived" }, hasLinks).way;
  assert.equal(way(1_000, false), "token");
  assert.equal(way(1_000, true), "token");
  assert.equal(way(100_000_000, true), "link");
  assert.equal(way(null, true), "link");
  assert.equal(way(null, false), "none");
  const none = downloadWay({ size: 100_000_000, state: "archived" }, false);
  assert.match(none.way === "none" ? none.why : "", /95\.4 MiB.*LINK_SECRET/);
  assert.equal(downloadWay({ size: 1, state: "failed" }, true).way, "none");
});
