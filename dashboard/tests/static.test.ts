import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const DASHBOARD = new URL("../../dashboard/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, DASHBOARD), "utf8");

/** Every source file with its path. */
function sources(): [string, string][] {
  return readdirSync(new URL("src/", DASHBOARD), { recursive: true })
    .map(String)
    .filter(path => /\.tsx?$/.test(path))
    .map(path => [path, read(`src/${path.replaceAll("\\", "/")}`)]);
}

test("the policy forbids everything that the dashboard does not use", () => {
  const policy = /Content-Security-Policy: (.*)/.exec(read("static/_headers"))?.[1] ?? "";
  const directives = new Map(policy.split("; ").map(text => [text.split(" ")[0], text] as const));
  assert.equal(directives.get("default-src"), "default-src 'none'");
  assert.equal(directives.get("script-src"), "script-src 'self'");
  assert.equal(directives.get("style-src"), "style-src 'self'");
  assert.equal(directives.get("connect-src"), "connect-src 'self'");
  assert.equal(directives.get("frame-ancestors"), "frame-ancestors 'none'");
  assert.ok(!/unsafe|https?:|\*/.test(policy), policy);
});

test("only hashed files are kept by a cache", () => {
  const rules = read("static/_headers").split(/\n\n/);
  const immutable = rules.filter(rule => rule.includes("immutable")).map(rule => rule.trim().split("\n")[0]);
  assert.deepEqual(immutable, ["/app-*"]);
  assert.ok(rules.some(rule => rule.trim().startsWith("/\n") && rule.includes("no-cache")));
});

test("the page has no inline script or style, and no other origin", () => {
  const page = read("index.html");
  assert.ok(!/<style|\sstyle=|\son\w+=|https?:\/\//.test(page));
  assert.equal(page.match(/<script[^>]*>/g)?.length, 1);
  assert.match(page, /<script type="module" src="[^"]+"><\/script>/);
});

test("no source renders HTML from text, evaluates code, or keeps the token outside sessionStorage", () => {
  const forbidden =
    /dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML|\beval\(|new Function|localStorage|document\.cookie/;
  const all = sources();
  assert.ok(all.length > 30);
  for (const [path, text] of all) assert.ok(!forbidden.test(text), path);
  const keepers = all.filter(([, text]) => text.includes("sessionStorage.")).map(([path]) => path);
  assert.deepEqual(keepers, ["session.ts"]);
});
