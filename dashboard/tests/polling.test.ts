import assert from "node:assert/strict";
import { test } from "node:test";
import { isFresh, isListDue, LIST_AUTO_MS, LIST_FRESH_MS, mergeFirstPage, runsToPoll } from "../src/api/polling";
import { remember, remembered } from "../src/api/query";
import type { AnyRun, RunStatus } from "../src/api/types";
import { update } from "../src/pages/runs/list";

function run(id: number, status: RunStatus = "completed"): AnyRun {
  return { run_id: `r${id}`, status, received_at: new Date(1_000_000 - id * 1000).toISOString() } as AnyRun;
}

const ids = (runs: AnyRun[]) => runs.map(each => each.run_id);

test("a list is read by itself every five minutes, and never in a hidden tab", () => {
  assert.equal(isListDue(0, LIST_AUTO_MS - 1, true), false);
  assert.equal(isListDue(0, LIST_AUTO_MS, true), true);
  assert.equal(isListDue(0, LIST_AUTO_MS * 10, false), false);
  assert.equal(isListDue(null, LIST_AUTO_MS * 10, true), false);
});

test("a list of the last minute is shown from memory", () => {
  assert.equal(isFresh(0, LIST_FRESH_MS - 1), true);
  assert.equal(isFresh(0, LIST_FRESH_MS), false);
});

test("only runs that move are polled", () => {
  const runs = (["completed", "queued", "unconfirmed", "in_progress", "archiving", "failed"] as const).map(
    (status, i) => run(i, status),
  );
  assert.deepEqual(runsToPoll(runs, 0), ["r1", "r3", "r4"]);
});

test("at most ten runs are polled in a turn, and each has its turn", () => {
  const runs = Array.from({ length: 25 }, (_, i) => run(i, "queued"));
  const seen = new Set<string>();
  for (let turn = 0; turn < 3; turn += 1) {
    const chosen = runsToPoll(runs, turn);
    assert.equal(chosen.length, 10);
    for (const id of chosen) seen.add(id);
  }
  assert.equal(seen.size, 25);
});

test("a first page that is read again keeps older pages, and drops rows that left it", () => {
  const shown = [run(1), run(2), run(3), run(4), run(5)];
  assert.deepEqual(ids(mergeFirstPage(shown, [run(0), run(1), run(3)], false)), ["r0", "r1", "r3", "r4", "r5"]);
  assert.deepEqual(ids(mergeFirstPage(shown, [run(0)], true)), ["r0"]);
  assert.deepEqual(mergeFirstPage(shown, [], false), []);
});

test("changed runs stay in their place, and new ones come first", () => {
  const rows = update([run(1, "queued"), run(2)], [run(1, "completed"), run(9, "queued")]);
  assert.deepEqual(ids(rows), ["r9", "r1", "r2"]);
  assert.equal(rows[1]?.status, "completed");
});

test("the memory of answers is bounded", () => {
  for (let i = 0; i < 100; i += 1) remember(`/p${i}`, i);
  assert.equal(remembered("/p0"), null);
  assert.equal(remembered<number>("/p99")?.data, 99);
});
