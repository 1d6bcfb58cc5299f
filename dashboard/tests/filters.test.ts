import assert from "node:assert/strict";
import { test } from "node:test";
import { deliveriesPath, readFilters as readDeliveryFilters } from "../src/pages/deliveries/filters";
import { hasFilters, listPath, readFilters, readSearch, writeFilters } from "../src/pages/runs/filters";
import { parseHash } from "../src/router";

const NOW = Date.parse("2026-11-24T10:00:30.500Z");

function filtersOf(query: string) {
  return readFilters(new URLSearchParams(query));
}

test("filters survive the address", () => {
  for (const query of [
    "status=failed,canceled&hook=crm&period=day",
    "since=2026-11-24T00%3A00%3A00.000Z",
    "task_id=x",
  ]) {
    const filters = filtersOf(query);
    assert.deepEqual(readFilters(parseHash(writeFilters(filters)).query), filters, query);
  }
});

test("values that are no filter are left out", () => {
  const filters = filtersOf("status=nope,failed&period=constructor&since=yesterday&foo=1");
  assert.deepEqual(filters.statuses, ["failed"]);
  assert.equal(filters.period, null);
  assert.equal(filters.since, "");
  assert.equal(hasFilters(filtersOf("foo=1")), false);
  assert.equal(hasFilters(filters), true);
});

test("a period becomes `since` at a whole minute", () => {
  assert.equal(listPath(filtersOf("period=hour"), NOW), "/api/runs?since=2026-11-24T09%3A00%3A00.000Z&limit=50");
});

test("a period wins over times, and a cursor is passed on", () => {
  const path = listPath(filtersOf("period=day&until=2026-11-24T00:00:00Z&status=failed"), NOW, "c1");
  assert.equal(path, "/api/runs?status=failed&since=2026-11-23T10%3A00%3A00.000Z&limit=50&cursor=c1");
});

test("a UUID may be a run; every other text is an id of a delivery or a task", () => {
  assert.equal(readSearch("  "), null);
  assert.deepEqual(readSearch(" 01A20AF0-284a-7a93-9383-0e59bdec030d "), {
    id: "01a20af0-284a-7a93-9383-0e59bdec030d",
    mayBeRun: true,
  });
  assert.deepEqual(readSearch("msg_1/..?x"), { id: "msg_1/..?x", mayBeRun: false });
});

test("deliveries are filtered by hook and outcome", () => {
  const filters = readDeliveryFilters(new URLSearchParams("hook=a%20b&outcome=nope"));
  assert.equal(filters.outcome, "");
  assert.equal(deliveriesPath(filters), "/api/deliveries?hook=a+b&limit=200");
});
