// @ts-check
// What a person decides in the dashboard, checked by what the API says afterwards.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, launch, Visit, world } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => void (browser = await launch()));
after(() => browser.close());

/**
 * The dialog that a button opens.
 * @param {Visit} visit
 * @param {string} button
 */
async function dialog(visit, button) {
  await visit.page.locator("main").getByRole("button", { name: button, exact: true }).first().click();
  const dialog = visit.page.getByRole("dialog");
  await dialog.waitFor();
  return dialog;
}

test("a failed run is retried from its page, once", async () => {
  const visit = await Visit.begin(browser);
  await visit.open(`#/runs/${world.runs.fails}`);
  const first = await dialog(visit, "Retry…");
  await visit.inspect("dialog-retry-desktop");
  await visit.page.keyboard.press("Escape");
  await first.waitFor({ state: "detached" });
  assert.equal((await api("/api/runs?hook=fails")).runs.length, 1, "Escape decides nothing");
  const second = await dialog(visit, "Retry…");
  await second.getByRole("button", { name: "Retry", exact: true }).click();
  await second.waitFor({ state: "detached" });
  await visit.page.waitForURL((url) => !url.hash.endsWith(world.runs.fails ?? ""));
  await visit.settle();
  const [retry] = (await api("/api/runs?hook=fails")).runs;
  assert.equal(retry.retry_of, world.runs.fails);
  assert.ok(visit.page.url().endsWith(retry.run_id), visit.page.url());
  await visit.go(`#/runs/${world.runs.fails}`);
  await visit.page.getByText("Retried by", { exact: true }).waitFor();
  assert.equal(await visit.page.getByRole("button", { name: "Retry…" }).count(), 0);
  await visit.assertInnocent("retry");
  await visit.end();
});

test("an unconfirmed run adopts its task", async () => {
  const visit = await Visit.begin(browser);
  await visit.open(`#/runs/${world.runs["to-adopt"]}`);
  const adopt = await dialog(visit, "Adopt a task…");
  await adopt.getByRole("button", { name: "Adopt", exact: true }).click();
  await adopt.getByRole("alert").filter({ hasText: "Enter the id" }).waitFor();
  await adopt.getByRole("textbox").fill(world.taskToAdopt);
  await visit.inspect("dialog-adopt-desktop");
  await adopt.getByRole("button", { name: "Adopt", exact: true }).click();
  await adopt.waitFor({ state: "detached" });
  const run = await api(`/api/runs/${world.runs["to-adopt"]}`);
  assert.equal(run.task.id, world.taskToAdopt);
  assert.notEqual(run.status, "unconfirmed");
  await visit.assertInnocent("adopt");
  await visit.end();
});

test("an unconfirmed run is abandoned, with a reason", async () => {
  const visit = await Visit.begin(browser);
  await visit.open(`#/runs/${world.runs["to-abandon"]}`);
  const abandon = await dialog(visit, "Abandon…");
  await abandon.getByRole("textbox").fill("it ran by hand");
  await visit.inspect("dialog-abandon-desktop");
  await abandon.getByRole("button", { name: "Abandon", exact: true }).click();
  await abandon.waitFor({ state: "detached" });
  await visit.page.locator("main .badge-failed").first().waitFor();
  const run = await api(`/api/runs/${world.runs["to-abandon"]}`);
  assert.equal(run.status, "failed");
  assert.ok(JSON.stringify(run.error).includes("it ran by hand"), JSON.stringify(run.error));
  await visit.assertInnocent("abandon");
  await visit.end();
});

test("many runs are retried from the list", async () => {
  const visit = await Visit.begin(browser);
  await visit.open("#/runs?status=canceled");
  await visit.page.getByRole("checkbox", { name: `Select run ${world.runs.cancels}` }).check();
  const many = await dialog(visit, "Retry");
  await many.getByRole("button", { name: "Retry", exact: true }).click();
  await many.getByText("1 of 1 done").waitFor();
  await visit.inspect("dialog-retry-many-desktop");
  await many.getByRole("button", { name: "Close", exact: true }).click();
  const [retry] = (await api("/api/runs?hook=cancels")).runs;
  assert.equal(retry.retry_of, world.runs.cancels);
  await visit.assertInnocent("retry many");
  await visit.end();
});

test("the playground shows what a payload would do, and starts it by hand", async () => {
  const visit = await Visit.begin(browser);
  const { page } = visit;
  await visit.open("#/hooks/crm-deal-won");
  const data = { amount: 2000, seats: 3, closed_at: "2026-11-20T16:04:00Z", account: { name: "<b>Globex</b>" } };
  const before = (await api("/api/runs?hook=crm-deal-won")).runs.length;
  await page.getByLabel("Payload", { exact: true }).fill(JSON.stringify({ type: "deal.lost", data }));
  await page.getByText("Ignored: no rule's condition holds").first().waitFor();
  const start = page.getByRole("button", { name: "Start by hand" });
  assert.equal(await start.getAttribute("aria-disabled"), "true");
  await page.getByLabel("Payload", { exact: true }).fill(JSON.stringify({ type: "deal.won", data }));
  await page.getByText("Accepted: it would start 1 run.").waitFor();
  await visit.settle();
  await visit.inspect("playground-desktop");
  assert.equal((await api("/api/runs?hook=crm-deal-won&limit=49")).runs.length, before, "a preview starts nothing");
  await start.click();
  await page.getByRole("dialog").getByRole("button", { name: "Start", exact: true }).click();
  await page.getByText("1 run accepted:").waitFor();
  const [run] = (await api("/api/runs?hook=crm-deal-won&limit=48")).runs;
  assert.deepEqual(run.run_id, await page.locator("main .results a").getAttribute("title"));
  assert.equal((await api(`/api/runs/${run.run_id}`)).params.label, "Demo for <b>Globex</b>");
  await visit.assertInnocent("playground");
  await visit.end();
});

test("a file is previewed, downloaded, and shared by a link", async () => {
  const visit = await Visit.begin(browser);
  const { page } = visit;
  await visit.open(`#/runs/${world.runs.completed}`);
  await page.getByRole("button", { name: "Preview of report.csv" }).click();
  await page.getByRole("button", { name: "Close preview of report.csv" }).waitFor();
  await visit.settle();
  assert.ok((await page.locator("main table").count()) > 0, "a CSV file is a table");
  await visit.inspect("file-preview-desktop");
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download report.csv" }).click();
  assert.equal((await downloading).suggestedFilename(), "report.csv");
  await page.getByRole("button", { name: "Copy link… to report.csv" }).click();
  const link = (await page.getByRole("dialog").locator(".raw").innerText()).trim();
  assert.ok(link.startsWith(`${world.base}/files/`), link);
  assert.equal((await fetch(link)).status, 200);
  await visit.assertInnocent("file");
  await visit.end();
});

test("what was made of a delivery is shown on request", async () => {
  const visit = await Visit.begin(browser);
  const { page } = visit;
  await visit.open(`#/runs/${world.runs.hostile}`);
  await page.getByText("How each parameter was made").click();
  await page.getByText("The delivery as it came").click();
  await visit.settle();
  await page.getByText("body.label").first().waitFor();
  await visit.inspect("run-hostile-unfolded-desktop");
  await visit.go(`#/runs/${world.runs.completed}`);
  await page.getByText("The delivery as it came").click();
  await visit.settle();
  await page.getByText("Initech").first().waitFor();
  await visit.inspect("run-completed-unfolded-desktop");
  await visit.end();
});
