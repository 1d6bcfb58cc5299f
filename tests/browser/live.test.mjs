// @ts-check
// What a page does while nobody touches it: it follows runs without a reload, and asks for no more lists than a free plan
// has.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { api, launch, sweep, Visit, world } from "./stage.mjs";

/** How many lists an open page may ask for in an hour: each costs several of the 1,000 KV lists that a day has. */
const LISTS_MAX = 12;

/** Pages that stay open. */
const PAGES = ["#/overview", "#/runs", "#/hooks", "#/deliveries", `#/runs/${world.runs["runs-on"]}`];

/** How often the cron fires until a run has ended. */
const SWEEPS_MAX = 40;

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => void (browser = await launch()));
after(() => browser.close());

/** Starts a run that takes three seconds, as long as the cron fires. */
const start = async () => /** @type {string} */ ((await api("/api/hooks/ci/runs", { id: crypto.randomUUID() })).runs[0].run_id);

/**
 * Fires the cron until something is there.
 * @param {import("playwright-core").Locator} locator
 */
async function sweepUntil(locator) {
  for (let sweeps = 0; sweeps < SWEEPS_MAX; sweeps++) {
    if (await locator.isVisible()) return;
    await sweep();
    await sleep(500);
  }
  assert.fail(`not there after ${SWEEPS_MAX} sweeps: ${locator}`);
}

/** @param {Visit} visit */
const mark = (visit) => visit.page.evaluate(() => void Reflect.set(window, "isSame", true));

/** @param {Visit} visit */
const assertSame = async (visit) =>
  assert.equal(await visit.page.evaluate(() => Reflect.get(window, "isSame")), true, "it was loaded again");

test("the page of a run follows it to its end", async () => {
  const visit = await Visit.begin(browser);
  const runId = await start();
  await visit.open(`#/runs/${runId}`);
  await mark(visit);
  await visit.page.locator("main .badge-in_progress").first().waitFor();
  await sweepUntil(visit.page.locator("main .badge-completed").first());
  await visit.page.getByText("report.csv").first().waitFor();
  await assertSame(visit);
  await visit.assertInnocent("live run");
  await visit.end();
});

test("the list of runs follows those that are open", async () => {
  const visit = await Visit.begin(browser);
  const runId = await start();
  await visit.open("#/runs");
  await mark(visit);
  const row = visit.page.locator("main tbody tr").filter({ has: visit.page.locator(`a[title="${runId}"]`) });
  await row.waitFor();
  await sweepUntil(row.locator(".badge-completed"));
  await assertSame(visit);
  await visit.assertInnocent("live list");
  await visit.end();
});

for (const fragment of PAGES) {
  test(`an hour of ${fragment} takes at most ${LISTS_MAX} lists`, async () => {
    const visit = await Visit.begin(browser);
    await visit.page.clock.install();
    await visit.open(fragment);
    const before = visit.lists().length;
    for (let minute = 0; minute < 60; minute++) {
      await visit.page.clock.runFor(60_000);
      // Answers take real time.
      await sleep(25);
    }
    await visit.settle();
    const lists = visit.lists().slice(before);
    assert.ok(lists.length <= LISTS_MAX, `${lists.length} lists: ${JSON.stringify(lists.slice(0, 20))}`);
    await visit.assertInnocent("an hour");
    await visit.end();
  });
}

test("deliveries that made no run say why", async () => {
  const ask = () => fetch(`${world.base}/api/deliveries`, { headers: { authorization: `Bearer ${world.token}` } });
  // They were sent minutes ago by now, and are stored once a minute.
  for (let turn = 0; turn < 75 && !(await (await ask()).text()).includes("no-such-hook"); turn++) {
    await sweep();
    await sleep(1_000);
  }
  const visit = await Visit.begin(browser);
  await visit.open("#/deliveries");
  const rows = visit.page.locator("main tbody tr");
  for (const problem of ["not-verified", "no-such-hook", "paused"]) {
    await rows.filter({ hasText: problem }).first().waitFor();
  }
  await visit.page.getByLabel("Outcome", { exact: true }).selectOption("ignored");
  await visit.settle();
  assert.equal(await rows.filter({ hasText: "refused" }).count(), 0);
  await rows.filter({ hasText: "crm-deal-won" }).first().waitFor();
  await visit.inspect("deliveries-ignored-desktop");
  await visit.end();
});
