import assert from "node:assert/strict";
import { test } from "node:test";
import { scaleTop, toBars } from "../src/pages/overview/chart";
import { count, cut, formatBytes, formatDuration, formatRelative, formatShare, formatTime } from "../src/ui/format";

test("durations have one unit", () => {
  const cases: [number, string][] = [
    [0, "0 s"],
    [3.24, "3.2 s"],
    [40.1, "40 s"],
    [340, "6 min"],
    [7200, "2 h"],
    [86400 * 3, "3 days"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text);
});

test("relative times know past and future, and a text that is no time", () => {
  const now = Date.parse("2026-11-24T10:00:00Z");
  assert.equal(formatRelative("2026-11-24T09:57:00Z", now), "3 min ago");
  assert.equal(formatRelative("2026-11-24T12:00:00Z", now), "in 2 h");
  assert.equal(formatRelative("2026-11-24T10:00:01Z", now), "now");
  assert.equal(formatRelative("soon", now), "");
  assert.equal(formatTime("soon"), "soon");
});

test("sizes, shares and counts", () => {
  assert.equal(formatBytes(1023), "1023 B");
  assert.equal(formatBytes(1024), "1 KiB");
  assert.equal(formatBytes(45678), "44.6 KiB");
  assert.equal(formatShare(1), "100 %");
  assert.equal(formatShare(0.99999), "99.9 %");
  assert.equal(formatShare(0.00001), "0.1 %");
  assert.equal(count(1, "run"), "1 run");
  assert.equal(count(1200, "run"), "1,200 runs");
});

test("a cut never halves a character", () => {
  assert.equal(cut("ab😀", 3), "ab");
  assert.equal(cut("ab😀", 4), "ab😀");
});

test("hours are put together from the newest, and nothing is lost", () => {
  const hours = Array.from({ length: 14 }, (_, i) => ({
    from: `h${i}`,
    completed: 1,
    failed: i,
    canceled: 0,
    open: 0,
  }));
  const bars = toBars(hours, 6);
  assert.deepEqual(
    bars.map(bar => [bar.from, bar.hours]),
    [
      ["h0", 2],
      ["h2", 6],
      ["h8", 6],
    ],
  );
  assert.equal(
    bars.reduce((sum, bar) => sum + bar.total, 0),
    14 + (13 * 14) / 2,
  );
});

test("the scale ends at a round number above the highest bar", () => {
  assert.deepEqual([0, 4, 5, 13, 20, 21, 999].map(scaleTop), [4, 4, 5, 20, 20, 50, 1000]);
});
