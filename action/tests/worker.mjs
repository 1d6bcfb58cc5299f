// @ts-check
// A server that plays the Worker: it takes deliveries, each id once, and answers status links and links to files.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";

/**
 * @typedef {{id: string, name: string, body: string}} File
 * @typedef {object} Plan
 * @property {string} secret the value of the hook's secret
 * @property {(number | "lost" | {status: number, retry_after: number | string})[]} [faults] what happens to the first deliveries: a
 *   status, or the connection is lost once the delivery was accepted
 * @property {"none" | "status" | "files"} [share]
 * @property {"accepted" | "ignored" | "mapping"} [outcome]
 * @property {string[]} [statuses] of a run, one for each question; the last one stays
 * @property {string} [stage] of a run that fails
 * @property {File[]} [files]
 * @property {number} [runs] how many runs a delivery starts
 * @property {boolean} [waits] whether a question is kept open, as far as the answer says
 * @property {number} [cut] how many downloads are not whole
 * @typedef {{id: string, body: string, headers: import("node:http").IncomingHttpHeaders}} Delivery
 */

/** Why a delivery is not genuine; `null` if it is. */
function fault(/** @type {Delivery} */ { id, body, headers }, /** @type {string} */ secret) {
  if (headers["content-type"] !== "application/json") return "content-type";
  if (!secret.startsWith("whsec_")) return headers.authorization === `Bearer ${secret}` ? null : "token";
  const key = Buffer.from(secret.slice(6), "base64");
  const signed = createHmac("sha256", key).update(`${id}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
  return headers["webhook-signature"] === `v1,${signed}` ? null : "signature";
}

export class Worker {
  /** @type {Delivery[]} */
  deliveries = [];
  /** The ids of the events that were started, in order. @type {string[]} */
  started = [];
  /** The headers of each question about a run. @type {import("node:http").IncomingHttpHeaders[]} */
  questions = [];

  /** @param {Plan} plan */
  constructor(plan) {
    this.plan = {
      share: "files",
      statuses: ["completed"],
      files: [],
      runs: 1,
      waits: true,
      outcome: "accepted",
      ...plan,
    };
    this.faults = [...(plan.faults ?? [])];
    this.cut = plan.cut ?? 0;
    /** @type {Map<string, number>} how often each run was asked for */
    this.asked = new Map();
    this.server = createServer((request, response) => this.#answer(request, response));
  }

  /** @param {Plan} plan */
  static async start(plan) {
    const worker = new Worker(plan);
    await new Promise(resolve => worker.server.listen(0, "127.0.0.1", () => resolve(undefined)));
    return worker;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise(resolve => this.server.close(resolve));
  }

  get origin() {
    return `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (this.server.address()).port}`;
  }

  get url() {
    return `${this.origin}/hooks/test-data`;
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async #answer(request, response) {
    const [, kind, name] = new URL(request.url ?? "", this.origin).pathname.split("/");
    if (kind === "hooks") return this.#accept(request, response);
    if (kind === "status") return this.#status(name ?? "", request, response);
    if (kind === "files") return this.#file(name ?? "", response);
    return json(response, 404, { title: "No such page" });
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async #accept(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { headers } = request;
    const id = `${headers["webhook-id"] ?? headers["idempotency-key"]}`;
    const delivery = { id, body: Buffer.concat(chunks).toString(), headers };
    this.deliveries.push(delivery);
    const fails = this.faults.shift();
    if (typeof fails === "number") return json(response, fails, { title: "Not ready", detail: "a store fails" });
    if (typeof fails === "object")
      return json(response, fails.status, { title: "Busy" }, { "retry-after": `${fails.retry_after}` });
    const wrong = fault(delivery, this.plan.secret);
    if (wrong !== null) return json(response, 401, { title: "Not verified", detail: wrong });
    if (this.plan.outcome === "ignored") return json(response, 200, { status: "ignored", runs: [] });
    const is_new = !this.started.includes(id);
    if (is_new) this.started.push(id);
    if (fails === "lost") return response.destroy();
    const runs = Array.from({ length: this.plan.runs }, (_, index) => this.#run(`run-${index + 1}`));
    return json(response, is_new ? 202 : 200, { status: is_new ? "accepted" : "duplicate", runs });
  }

  #run(/** @type {string} */ run_id) {
    const status_url =
      this.plan.share === "none" ? `/api/runs/${run_id}` : `${this.origin}/status/${run_id}?expires=1&signature=ff72`;
    if (this.plan.outcome === "mapping") return { run_id, status: "failed", error: { stage: "mapping" }, status_url };
    return { run_id, status: "queued", status_url };
  }

  /**
   * @param {string} run_id
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  #status(run_id, request, response) {
    this.questions.push(request.headers);
    const asked = this.asked.get(run_id) ?? 0;
    this.asked.set(run_id, asked + 1);
    const status = this.plan.statuses[Math.min(asked, this.plan.statuses.length - 1)] ?? "queued";
    const headers = {
      etag: `"${status}"`,
      ...(this.plan.waits && { "preference-applied": `${request.headers.prefer}` }),
    };
    if (request.headers["if-none-match"] === headers.etag) return response.writeHead(304, headers).end();
    const error = ["failed", "unconfirmed"].includes(status) ? { stage: this.plan.stage ?? "start" } : null;
    const is_done = status === "completed";
    const files = this.plan.files.map(({ id, name, body }) => ({
      id,
      name,
      size: Buffer.byteLength(body),
      content_type: "text/csv",
      state: is_done ? "archived" : "pending",
      url: is_done ? `${this.origin}/files/${id}?signature=ff72` : null,
    }));
    return json(response, 200, { run_id, status, error, ...(this.plan.share === "files" && { files }) }, headers);
  }

  /**
   * @param {string} id
   * @param {import("node:http").ServerResponse} response
   */
  #file(id, response) {
    const file = this.plan.files.find(file => file.id === id);
    if (file === undefined) return json(response, 404, { title: "No such file" });
    this.cut--;
    // By turns the connection is lost, and the body is complete and too short.
    if (this.cut >= 0 && this.cut % 2 === 1) return response.end(file.body.slice(0, 1));
    response.writeHead(200, { "content-length": Buffer.byteLength(file.body) });
    if (this.cut >= 0) return response.write(file.body.slice(0, 1), () => response.destroy());
    return response.end(file.body);
  }
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 */
function json(response, status, body, headers) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

/** A folder's worth of plans that several tests use. */
export const FILES = [
  { id: "123", name: "customers.csv", body: "id,name\n1,Ann\n" },
  { id: "124", name: "orders.csv", body: "id\n7\n" },
];
