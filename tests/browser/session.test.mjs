// @ts-check
// Signing in and out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, Visit, world } from "./stage.mjs";

/** The browser itself logs an answer 401. */
const REFUSED = /console error: Failed to load resource: .*401.*\/api\/session/s;

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => void (browser = await launch()));
after(() => browser.close());

/** @param {Visit} visit */
const navigation = (visit) => visit.page.getByRole("navigation", { name: "Main" });

test("a wrong token is refused and the right one opens the dashboard", async () => {
  const visit = await Visit.begin(browser);
  visit.expected = REFUSED;
  const { page } = visit;
  await page.goto(world.base);
  await visit.settle();
  await visit.inspect("sign-in-desktop");
  await page.getByLabel("Token", { exact: true }).fill("a-wrong-token-of-at-least-32-characters");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "This is not the token" }).waitFor();
  assert.equal(await navigation(visit).count(), 0);
  await page.getByLabel("Token", { exact: true }).fill(world.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await navigation(visit).waitFor();
  await visit.settle();
  await page.reload();
  await navigation(visit).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await visit.assertInnocent("sign-in");
  await visit.end();
});

test("the token of an address is not kept in it", async () => {
  const visit = await Visit.begin(browser);
  await visit.open("#/overview");
  assert.ok(!visit.page.url().includes("token"), visit.page.url());
  assert.equal(await visit.page.evaluate(() => JSON.stringify(localStorage)), "{}");
  assert.deepEqual(await visit.page.context().cookies(), []);
  await visit.assertInnocent("address");
  await visit.page.goBack();
  assert.ok(!visit.page.url().includes("token"), visit.page.url());
  await visit.end();
});

test("a reader decides nothing", async () => {
  const visit = await Visit.begin(browser);
  await visit.open(`#/runs/${world.runs["missing-file"]}`, world.readToken);
  const retry = visit.page.getByRole("button", { name: "Retry" }).first();
  assert.equal(await retry.getAttribute("aria-disabled"), "true");
  await retry.click({ force: true });
  assert.equal(await visit.page.getByRole("dialog").count(), 0);
  await visit.inspect("reader-desktop");
  assert.deepEqual(visit.calls.filter(({ method }) => method !== "GET"), []);
  await visit.end();
});
