import assert from "node:assert/strict";
import { test } from "node:test";
import { hookLink, link, parseHash, runLink } from "../src/router";
import { tokenOfHash } from "../src/session";

function check(hash: string, expected: object) {
  assert.deepEqual(parseHash(hash).route, expected, hash);
}

test("each fragment is a page", () => {
  check("", { page: "overview" });
  check("#", { page: "overview" });
  check("#/", { page: "overview" });
  check("#/overview?hours=168", { page: "overview" });
  check("#/runs", { page: "runs" });
  check("#/runs/01a2", { page: "run", runId: "01a2" });
  check("#/hooks/crm", { page: "hook", hook: "crm" });
  check("#/deliveries?hook=crm", { page: "deliveries" });
});

test("a fragment that is no page is unknown, and never throws", () => {
  check("#/nope", { page: "unknown" });
  check("#/runs/a/b", { page: "unknown" });
  check("#/deliveries/1", { page: "unknown" });
  check("#/hooks/%E0%A4%A", { page: "unknown" });
  check("#/__proto__", { page: "unknown" });
});

test("names with special characters survive a link", () => {
  const hook = "a/b?c#d e\u202E";
  check(hookLink(hook), { page: "hook", hook });
  check(runLink("x/y"), { page: "run", runId: "x/y" });
});

test("filters survive a link, and empty ones are left out", () => {
  const hash = link("/runs", { status: "failed,queued", hook: "", since: null, task_id: "a&b=c" });
  assert.equal(hash, "#/runs?status=failed,queued&task_id=a%26b%3Dc");
  assert.equal(parseHash(hash).query.get("task_id"), "a&b=c");
});

test("a token is read from the fragment alone", () => {
  assert.equal(tokenOfHash("#token=abc%2B1"), "abc+1");
  assert.equal(tokenOfHash("#token="), null);
  assert.equal(tokenOfHash("#/runs?token=abc"), null);
  assert.equal(tokenOfHash("#x=1&token=abc"), null);
});
