import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { readHeaders, whyNotByAccess } from "../src/pages/hooks/headers";
import { partText, treeOf } from "../src/pages/hooks/node";
import { actOnRuns, type BulkResult, canDo, SELECTED_MAX } from "../src/pages/runs/bulk";

const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

test("headers are read by line; the sender's Authorization is renamed", () => {
  const { headers, problems } = readHeaders("X-Sig: a:b\n\nAuthorization: Bearer x\nX-Empty:");
  assert.deepEqual(headers, { "x-sig": "a:b", "x-sender-authorization": "Bearer x", "x-empty": "" });
  assert.deepEqual(problems, []);
});

test("headers that cannot be sent are left out with a reason", () => {
  const { headers, problems } = readHeaders(
    "nonsense\nCookie: a\nSec-Foo: b\nX-A: \u4e2d\nContent-Type: x\nBad Name: y",
  );
  assert.deepEqual(headers, {});
  assert.equal(problems.length, 6);
});

test("with Cloudflare Access only JSON can be sent", () => {
  for (const type of ["application/json", " Application/JSON ; charset=utf-8"])
    assert.equal(whyNotByAccess(type), null);
  for (const type of ["text/plain", "application/vnd.x+json", "application/x-www-form-urlencoded", ""]) {
    assert.match(whyNotByAccess(type) ?? "", /application\/json alone/);
  }
});

test("a part of an answer keeps its digits and its hostile names", () => {
  const text = '{"runs":[{"params":{"__proto__":{"value":1.00},"n":{"value":12345678901234567890}}}]}';
  const root = treeOf(text);
  assert.equal(partText(root, null, "runs", 0, "params", "n", "value"), "12345678901234567890");
  assert.equal(partText(root, null, "runs", 0, "params", "__proto__", "value"), "1.00");
  assert.equal(partText(root, 5, "runs", 3), "5");
  assert.equal(partText(root, undefined, "nope"), "null");
});

test("which runs can be retried and abandoned", () => {
  assert.equal(canDo("retry", "failed"), true);
  assert.equal(canDo("retry", "completed"), false);
  assert.equal(canDo("abandon", "queued"), true);
  assert.equal(canDo("abandon", "in_progress"), false);
});

test("many runs are retried a few at a time, each once, with a result for each", async () => {
  let open = 0;
  let most = 0;
  const asked: string[] = [];
  globalThis.fetch = (async (url: string) => {
    asked.push(url);
    open += 1;
    most = Math.max(most, open);
    await new Promise(resolve => setImmediate(resolve));
    open -= 1;
    if (url.includes("r3")) {
      const run = { run_id: "r3", status: "completed" };
      const body = {
        type: "urn:seedhook:problem:wrong-state",
        title: "t",
        status: 409,
        detail: "it is completed",
        run,
      };
      return new Response(JSON.stringify(body), { status: 409 });
    }
    return new Response('{"run_id":"new","status":"queued"}', { status: 202 });
  }) as typeof fetch;
  const results: BulkResult[] = [];
  const ids = Array.from({ length: SELECTED_MAX + 50 }, (_, i) => `r${i}`).filter(
    id => id === "r3" || !id.includes("r3"),
  );
  await actOnRuns("retry", ids, result => results.push(result), new AbortController().signal);
  assert.equal(results.length, SELECTED_MAX);
  assert.equal(new Set(asked).size, SELECTED_MAX);
  assert.equal(most, 3);
  const refused = results.find(result => result.runId === "r3");
  assert.equal(refused?.problem, "it is completed");
  assert.equal(refused?.run?.status, "completed");
});

test("stopping leaves the rest alone", async () => {
  const controller = new AbortController();
  globalThis.fetch = (async () => new Response("{}", { status: 200 })) as typeof fetch;
  const results: BulkResult[] = [];
  const add = (result: BulkResult) => {
    results.push(result);
    controller.abort();
  };
  await actOnRuns("abandon", ["a", "b", "c", "d", "e", "f", "g", "h"], add, controller.signal);
  assert.ok(results.length <= 3, String(results.length));
});
