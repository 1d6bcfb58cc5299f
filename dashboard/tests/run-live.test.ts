import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, ApiError } from "../src/api/client";
import type { Run, RunStatus } from "../src/api/types";
import { backOffMs, followRun, type LiveSource, type LiveState } from "../src/pages/run/live";

type Step = RunStatus | null | Error | ((abortTurn: () => void) => never);

function answerOf(status: RunStatus, etag: string): Answer<Run> {
  return { status: 200, data: { status } as Run, text: "{}", etag };
}

/** Plays the steps: a status is a changed run, `null` an unchanged one. Time passes only in `sleep`. */
async function play(steps: Step[], leaveAfter = 1_000) {
  const reads: { etag: string | null; wait: number }[] = [];
  const sleeps: number[] = [];
  const seen = { statuses: [] as RunStatus[], states: [] as LiveState[], errors: [] as unknown[] };
  const page = new AbortController();
  let visibleTurn = new AbortController();
  let visibleCount = 0;
  const source: LiveSource = {
    read: async (etag, wait) => {
      reads.push({ etag, wait });
      const step = steps.shift();
      if (reads.length >= leaveAfter) page.abort();
      if (step === undefined) assert.fail("read once too often");
      if (step instanceof Error) throw step;
      if (typeof step === "function") return step(() => visibleTurn.abort());
      return step === null ? null : answerOf(step, `"${reads.length}"`);
    },
    sleep: async ms => {
      sleeps.push(ms);
    },
    whenVisible: async () => {
      visibleCount += 1;
      visibleTurn = new AbortController();
      return visibleTurn.signal;
    },
    now: () => 0,
  };
  await followRun(
    source,
    {
      onRun: answer => seen.statuses.push(answer.data.status),
      onState: state => seen.states.push(state),
      onError: error => seen.errors.push(error),
    },
    page.signal,
  );
  return { reads, sleeps, visibleCount, ...seen };
}

const unavailable = (retryAfter: number | null = null) => new ApiError(503, "not-ready", "Not ready", "no", retryAfter);

test("a run is followed with its tag until it is final", async () => {
  const { reads, statuses, states } = await play(["queued", null, "in_progress", "completed"]);
  assert.deepEqual(statuses, ["queued", "in_progress", "completed"]);
  assert.deepEqual(reads, [
    { etag: null, wait: 0 },
    { etag: '"1"', wait: 25 },
    { etag: '"1"', wait: 25 },
    { etag: '"3"', wait: 25 },
  ]);
  assert.equal(states.at(-1), "final");
});

test("a final run is read once", async () => {
  for (const status of ["completed", "failed", "canceled"] as const) {
    assert.equal((await play([status])).reads.length, 1);
  }
});

test("reads are two seconds apart where nothing holds the answer", async () => {
  assert.deepEqual((await play(["queued", null, "completed"])).sleeps, [2_000, 2_000]);
});

test("after an error it waits longer each time, and goes on", async () => {
  const { sleeps, states, statuses, errors } = await play([
    "queued",
    unavailable(),
    unavailable(),
    unavailable(30),
    "completed",
  ]);
  assert.deepEqual(sleeps, [2_000, 2_000, 4_000, 30_000]);
  assert.deepEqual(statuses, ["queued", "completed"]);
  assert.deepEqual(errors, []);
  assert.ok(states.includes("trying-again"));
});

test("the back-off is bounded", () => {
  assert.equal(backOffMs(50, unavailable()), 60_000);
  assert.equal(backOffMs(1, unavailable(86_400)), 60_000);
});

test("a run that cannot be read is an error at once", async () => {
  for (const error of [unavailable(), new ApiError(404, "no-such-run", "No such run", "gone"), new TypeError("bug")]) {
    const { errors, reads } = await play([error]);
    assert.deepEqual(errors, [error]);
    assert.equal(reads.length, 1);
  }
});

test("a run that is gone ends the following, and 429 does not", async () => {
  const gone = new ApiError(404, "no-such-run", "No such run", "gone");
  assert.deepEqual((await play(["queued", gone])).errors, [gone]);
  const often = new ApiError(429, "too-often", "Too often", "wait", 5);
  assert.deepEqual((await play(["queued", often, "failed"])).errors, []);
});

test("a hidden tab ends the read without an error, and the next visible one reads again", async () => {
  const hide = (abortTurn: () => void): never => {
    abortTurn();
    throw new DOMException("hidden", "AbortError");
  };
  const { errors, statuses, visibleCount, states } = await play(["queued", hide, "completed"]);
  assert.deepEqual(errors, []);
  assert.deepEqual(statuses, ["queued", "completed"]);
  assert.equal(visibleCount, 3);
  assert.ok(!states.includes("trying-again"));
});

test("leaving the page ends it, and what came last is dropped", async () => {
  const { statuses, reads } = await play(["queued", "in_progress"], 2);
  assert.deepEqual(statuses, ["queued"]);
  assert.equal(reads.length, 2);
});

test("a forgotten page stops after 150 reads without a change", async () => {
  const { reads, states } = await play(["unconfirmed", ...new Array<null>(150).fill(null)]);
  assert.equal(reads.length, 151);
  assert.equal(states.at(-1), "stopped");
});
