// @ts-check
// What the browser tests share: the Worker that `tests/e2e/dashboard.rs` started, a browser, and pages that notice what a
// dashboard must never do.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";

/**
 * @typedef {object} World
 * @property {string} base the Worker's address
 * @property {string} token
 * @property {string} readToken
 * @property {number} aheadMs how far the cron's clock is ahead, milliseconds
 * @property {Record<string, string>} runs ids of runs, by what they are
 * @property {string} taskToAdopt the task that the run `to-adopt` started
 */

/** @type {World} */
export const world = JSON.parse(process.env.SEEDHOOK_WORLD ?? "{}");

/** Pictures for people. */
const PICTURES = new URL("../../target/browser/", import.meta.url).pathname;
mkdirSync(PICTURES, { recursive: true });

/** What Chromium does by itself is switched off: it would be traffic that no test asked for. */
const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A desktop, and the narrowest telephone. */
export const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } };

/** How long a page may take to have all that it asked for, milliseconds. */
const SETTLE_MS = 20_000;

/** A page has it when nothing is asked for in so many turns of so many milliseconds. */
const QUIET_TURNS = 3;
const QUIET_MS = 50;

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A browser with a fresh profile, which Playwright removes with it. */
export const launch = () =>
  chromium.launch({ executablePath: process.env.SEEDHOOK_BROWSER, args: FLAGS, chromiumSandbox: false });

/** @typedef {{ method: string, path: string, query: string }} Call */

/** A page, and what it did. */
export class Visit {
  /** What no page may do: errors, warnings, dialogs, requests elsewhere. */
  /** @type {string[]} */
  faults = [];
  /** @type {Call[]} */
  calls = [];
  /** Faults that this test provokes are not faults. */
  /** @type {RegExp | undefined} */
  expected;

  /** What is not answered yet. */
  /** @type {Set<import("playwright-core").Request>} */
  #open = new Set();

  /** @param {import("playwright-core").Page} page */
  constructor(page) {
    this.page = page;
  }

  /**
   * @param {import("playwright-core").Browser} browser
   * @param {keyof typeof SIZES} [size]
   */
  static async begin(browser, size = "desktop") {
    const context = await browser.newContext({ viewport: SIZES[size], reducedMotion: "reduce", locale: "en-GB" });
    const visit = new Visit(await context.newPage());
    visit.page.setDefaultTimeout(15_000);
    context.on("request", (request) => visit.#note(request));
    context.on("requestfinished", (request) => visit.#open.delete(request));
    context.on("requestfailed", (request) => visit.#open.delete(request));
    visit.page.on("pageerror", (error) => visit.faults.push(`error: ${error.stack ?? error.message}`));
    visit.page.on("console", (message) => {
      // What a browser only advises.
      if (/** @type {string} */ (message.type()) === "verbose") return;
      const text = `console ${message.type()}: ${message.text()} (${message.location().url})`;
      if (!visit.expected?.test(text)) visit.faults.push(text);
    });
    visit.page.on("dialog", (dialog) => {
      visit.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    return visit;
  }

  /** @param {import("playwright-core").Request} request */
  #note(request) {
    const url = new URL(request.url());
    if (url.protocol === "data:" || url.protocol === "blob:") return;
    if (url.origin !== world.base) this.faults.push(`a request to ${url.origin}`);
    if (request.headers()["prefer"] === undefined) this.#open.add(request);
    this.calls.push({ method: request.method(), path: url.pathname, query: url.search });
  }

  /**
   * Opens the dashboard, signed in.
   * @param {string} fragment
   * @param {string} [token]
   */
  async open(fragment, token = world.token) {
    await this.page.goto(`${world.base}/#token=${encodeURIComponent(token)}`);
    await this.page.getByRole("navigation", { name: "Main" }).waitFor();
    await this.go(fragment);
  }

  /**
   * Goes to another page of the dashboard, as a link would.
   * @param {string} fragment
   */
  async go(fragment) {
    await this.page.evaluate((to) => void (window.location.hash = to), fragment);
    await this.settle();
  }

  /** Waits until the page has a heading and all that it asked for, but for answers that wait for a change. */
  async settle() {
    await this.page.locator("main h1").first().waitFor();
    const end = performance.now() + SETTLE_MS;
    for (let quiet = 0; quiet < QUIET_TURNS; quiet = this.#open.size === 0 ? quiet + 1 : 0) {
      assert.ok(performance.now() < end, `no answer to ${[...this.#open].map((request) => request.url()).join(" ")}`);
      await sleep(QUIET_MS);
    }
  }

  /** Asserts what holds for every page, and takes a picture of it. */
  /** @param {string} name */
  async inspect(name) {
    await this.page.screenshot({ path: `${PICTURES}${name}.png`, fullPage: true });
    const width = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(width <= 0, `${name} is ${width} px wider than the window`);
    await this.page.evaluate(axe);
    const found = await this.page.evaluate(async () => {
      const { violations } = await /** @type {any} */ (window).axe.run(document);
      return violations.map((/** @type {any} */ one) => ({
        impact: one.impact,
        text: `${one.id}: ${one.help}: ${one.nodes.map((/** @type {any} */ node) => node.html).join(" ")}`,
      }));
    });
    const bad = found.filter((/** @type {any} */ one) => ["serious", "critical"].includes(one.impact));
    assert.deepEqual(bad, [], name);
    await this.assertInnocent(name);
  }

  /** Asserts that nothing of a payload ran, and that the page did nothing that it must not. */
  /** @param {string} name */
  async assertInnocent(name) {
    assert.equal(await this.page.evaluate(() => Reflect.get(window, "hostile")), undefined, name);
    assert.deepEqual(this.faults, [], name);
  }

  /** How many calls were made that cost KV lists, of which the free plan has 1,000 a day. */
  lists() {
    return this.calls.filter(({ method, path }) => method === "GET" && ["/api/runs", "/api/overview"].includes(path));
  }

  async end() {
    await this.page.context().close();
  }
}

/** Lets the cron fire, in the time of `tests/e2e/dashboard.rs`. */
export async function sweep() {
  const time = Date.now() + world.aheadMs;
  const answer = await fetch(`${world.base}/cdn-cgi/local/scheduled?cron=*/2+*+*+*+*&time=${time}`);
  assert.equal(answer.status, 200);
}

/**
 * Calls the API as the operator.
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function api(path, body) {
  const answer = await fetch(`${world.base}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${world.token}`, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}
