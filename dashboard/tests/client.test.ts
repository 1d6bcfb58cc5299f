import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import {
  ApiError,
  call,
  callBlob,
  callIfChanged,
  isAbort,
  setToken,
  whenSignedOut,
  withQuery,
} from "../src/api/client";

type Sent = { url: string; init: RequestInit };
const realFetch = globalThis.fetch;
const realTimeout = AbortSignal.timeout;

/** A `fetch` to which no answer comes. */
const never = ((_: string, init: RequestInit) =>
  new Promise((_resolve, reject) => {
    const signal = init.signal;
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  })) as typeof fetch;

function answer(status: number, body: string | null, headers: Record<string, string> = {}): Sent[] {
  const sent: Sent[] = [];
  globalThis.fetch = (async (url: string, init: RequestInit) => {
    sent.push({ url, init });
    return new Response(body, { status, headers });
  }) as typeof fetch;
  return sent;
}

afterEach(() => {
  globalThis.fetch = realFetch;
  AbortSignal.timeout = realTimeout;
  setToken(null);
  whenSignedOut(() => {});
});

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return error;
  }
  assert.fail("it did not fail");
}

function problem(name: string, status: number, more: object = {}): string {
  return JSON.stringify({ type: `urn:seedhook:problem:${name}`, title: name, status, detail: "why", ...more });
}

test("the token is sent as a bearer token, and never in the address", async () => {
  setToken("secret");
  const sent = answer(200, "{}");
  await call("/api/runs?limit=1");
  assert.equal(new Headers(sent[0]?.init.headers).get("authorization"), "Bearer secret");
  assert.ok(!sent[0]?.url.includes("secret"));
});

test("without a token none is sent, and a POST without a body is JSON", async () => {
  const sent = answer(200, "{}");
  await call("/api/runs/1/retry", { method: "POST" });
  const headers = new Headers(sent[0]?.init.headers);
  assert.equal(headers.get("authorization"), null);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(sent[0]?.init.body, "{}");
});

test("the text of an answer keeps every digit", async () => {
  answer(200, '{"n":12345678901234567890}', { etag: '"a"' });
  const { text, etag } = await call("/api/x");
  assert.equal(text, '{"n":12345678901234567890}');
  assert.equal(etag, '"a"');
});

test("an unchanged answer is null; ETag and wait are sent", async () => {
  const sent = answer(304, null);
  assert.equal(await callIfChanged("/api/runs/1", { etag: '"a"', waitSeconds: 90 }), null);
  const headers = new Headers(sent[0]?.init.headers);
  assert.equal(headers.get("if-none-match"), '"a"');
  assert.equal(headers.get("prefer"), "wait=25");
});

test("a problem becomes an error with its name, detail and Retry-After", async () => {
  answer(409, problem("wrong-state", 409, { run: { run_id: "1" } }), { "retry-after": "30" });
  const error = await failure(call("/api/x"));
  assert.equal(error.problem, "wrong-state");
  assert.equal(error.message, "why");
  assert.equal(error.retryAfter, 30);
  assert.equal(error.body?.run?.run_id, "1");
});

test("a proxy's page is an error without advice", async () => {
  answer(502, "<html>");
  assert.equal((await failure(call("/api/x"))).problem, "unknown");
  answer(200, "<html>");
  assert.equal((await failure(call("/api/x"))).problem, "not-json");
});

test("a call in mid-session that finds no token ends the session; the sign-in itself does not", async () => {
  let ended = 0;
  whenSignedOut(() => {
    ended += 1;
  });
  answer(401, problem("no-token", 401));
  await failure(call("/api/session", { token: "guess" }));
  await failure(call("/api/session", { token: null }));
  assert.equal(ended, 0);
  await failure(call("/api/runs"));
  assert.equal(ended, 1);
});

test("the end of a session at Cloudflare Access ends the session; another 401 does not", async () => {
  let ended = 0;
  whenSignedOut(() => {
    ended += 1;
  });
  answer(401, problem("not-signed-in", 401));
  await failure(call("/api/runs"));
  assert.equal(ended, 1);
  answer(401, "<html>a proxy</html>");
  await failure(call("/api/runs"));
  assert.equal(ended, 1);
});

test("a call ends after 30 seconds, one that waits later, and reading a file after five minutes", async () => {
  const limits: number[] = [];
  const limit = new AbortController();
  AbortSignal.timeout = ms => {
    limits.push(ms);
    return limit.signal;
  };
  answer(200, "{}");
  await call("/api/x");
  await call("/api/x", { waitSeconds: 25 });
  await callBlob("/api/x");
  assert.deepEqual(limits, [30_000, 55_000, 300_000]);
  globalThis.fetch = never;
  const calls = [call("/api/x"), call("/api/x", { signal: new AbortController().signal })];
  limit.abort(new DOMException("too long", "TimeoutError"));
  for (const each of calls) assert.equal((await failure(each)).problem, "timeout");
});

test("no connection is an error with a name; an abort stays an abort", async () => {
  globalThis.fetch = (async () => {
    throw new TypeError("fetch failed");
  }) as typeof fetch;
  assert.equal((await failure(call("/api/x"))).problem, "network");
  globalThis.fetch = never;
  const controller = new AbortController();
  const promise = call("/api/x", { signal: controller.signal });
  controller.abort();
  await assert.rejects(promise, error => isAbort(error));
  await assert.rejects(call("/api/x", { signal: controller.signal }), error => isAbort(error));
});

test("a query leaves out what is empty", () => {
  assert.equal(
    withQuery("/api/runs", { hook: "", limit: 5, cursor: null, task_id: "a b" }),
    "/api/runs?limit=5&task_id=a+b",
  );
  assert.equal(withQuery("/api/runs", { hook: undefined }), "/api/runs");
});
