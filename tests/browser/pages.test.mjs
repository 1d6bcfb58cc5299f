// @ts-check
// Every page, on a desktop and on a telephone: it can be used with a screen reader, fits the window, and nothing of a
// payload runs.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, SIZES, Visit, world } from "./stage.mjs";

/** Pages of runs, by what they are in `tests/e2e/dashboard.rs`. */
const RUNS = ["completed", "unmapped", "fails", "missing-file", "odd-names", "large-result", "hostile", "start-drops", "runs-on"];

/** Every page: the name of its picture, and its fragment. */
const PAGES = [
  ["overview", "#/overview"],
  ["runs", "#/runs"],
  ["runs-filtered", "#/runs?status=failed,unconfirmed"],
  ["hooks", "#/hooks"],
  ["hook", "#/hooks/crm-deal-won"],
  ["hook-broken", "#/hooks/broken"],
  ["hook-paused", "#/hooks/closed"],
  ["hook-unknown", "#/hooks/nobody"],
  ["deliveries", "#/deliveries"],
  ["unknown", "#/nowhere"],
  ["run-unknown", "#/runs/0197f1a2-0000-7000-8000-000000000000"],
  ...RUNS.map((name) => [`run-${name}`, `#/runs/${world.runs[name]}`]),
];

/** The browser itself logs an answer that is an error, where a page asks for what is not there. */
const NOT_THERE = /console error: Failed to load resource: .* 40[49] .*\/api\//s;

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => void (browser = await launch()));
after(() => browser.close());

for (const size of /** @type {(keyof typeof SIZES)[]} */ (Object.keys(SIZES))) {
  describe(size, () => {
    /** @type {Visit} */
    let visit;
    before(async () => {
      visit = await Visit.begin(browser, size);
      visit.expected = NOT_THERE;
      await visit.open("#/overview");
    });
    after(() => visit.end());
    for (const [name, fragment] of PAGES) {
      test(name, async () => {
        await visit.go(fragment);
        await visit.inspect(`${name}-${size}`);
      });
    }
  });
}

test("a hostile payload is shown as text", async () => {
  const visit = await Visit.begin(browser);
  await visit.open(`#/runs/${world.runs.hostile}`);
  const text = await visit.page.locator("main").innerText();
  assert.ok(text.includes("<script>window.hostile"), text);
  assert.equal(await visit.page.locator("main script, main img[src=x], main b").count(), 0);
  await visit.assertInnocent("hostile");
  await visit.end();
});

test("a target that is not told is shown with its run, and on the start page", async () => {
  const visit = await Visit.begin(browser);
  await visit.open(`#/runs/${world.runs.fails}`);
  const section = visit.page.getByRole("region", { name: "Notifications" });
  assert.match(await section.innerText(), /ops\s+not told yet, [1-9] attempts?; next attempt/);
  assert.match(await section.innerText(), /no answer: the connection failed/);
  await visit.go("#/overview");
  const notice = visit.page.getByRole("region", { name: "Targets of notifications" });
  assert.match(await notice.innerText(), /1 target cannot be told[^]*ops: no answer/);
  await visit.end();
});

test("filters narrow the list, and are in the address", async () => {
  const visit = await Visit.begin(browser);
  const { page } = visit;
  await visit.open("#/runs");
  const rows = page.locator("main tbody tr");
  assert.equal(await rows.count(), 50);
  await page.getByRole("button", { name: "Load more" }).click();
  await visit.settle();
  assert.ok((await rows.count()) > 50);
  await page.getByLabel("Hook", { exact: true }).selectOption("unmapped");
  await visit.settle();
  assert.equal(await rows.count(), 1);
  assert.match(page.url(), /hook=unmapped/);
  await page.reload();
  await visit.settle();
  assert.equal(await rows.count(), 1);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByRole("checkbox", { name: "canceled" }).check();
  await page.locator(`main a[title="${world.runs.cancels}"]`).waitFor();
  await page.getByRole("searchbox").fill("msg_1");
  await page.getByRole("button", { name: "Find" }).click();
  await page.locator(`main a[title="${world.runs.completed}"]`).waitFor();
  assert.equal(await rows.count(), 1);
  await page.getByRole("searchbox").fill(world.runs.fails);
  await page.getByRole("button", { name: "Find" }).click();
  await page.waitForURL(`**#/runs/${world.runs.fails}`);
  await visit.end();
});
