// @ts-check
// What the script does against a server that plays the Worker. Time is an argument: no test waits.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { headersOf, JobError, readInputs, run, safeName } from "../run.mjs";
import { FILES, Worker } from "./worker.mjs";

const BEARER = "a-token-of-32-characters-or-more";
const SIGNING = "whsec_bG9jYWwtbmlnaHRseS1zZWNyZXQtMTIzNDU2Nzg5MA==";
const SCRIPT = fileURLToPath(new URL("../run.mjs", import.meta.url));

const folder = () => mkdtemp(path.join(tmpdir(), "seedhook-action-"));

/** A clock that only pauses advance, and the pauses. */
function clock() {
  let now = 1_795_538_700_000;
  /** @type {number[]} */
  const pauses = [];
  const sleep = async (/** @type {number} */ ms) => {
    pauses.push(ms);
    now += ms;
  };
  return { now: () => now, sleep, pauses };
}

/**
 * Runs the script's own function against a server that follows a plan.
 * @param {Partial<import("./worker.mjs").Plan>} plan
 * @param {Record<string, string>} [inputs]
 */
async function play(plan, inputs = {}) {
  const worker = await Worker.start({ secret: BEARER, ...plan });
  const time = clock();
  /** @type {string[]} */
  const lines = [];
  try {
    const read = await readInputs({ SEEDHOOK_URL: worker.url, SEEDHOOK_SECRET: worker.plan.secret, ...inputs });
    const outputs = await run(read, time, line => lines.push(line));
    return { worker, outputs, error: null, lines, pauses: time.pauses };
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    return { worker, outputs: error.outputs, error: error.message, lines, pauses: time.pauses };
  } finally {
    await worker.stop();
  }
}

test("a run is followed to its end, and its files are listed", async () => {
  const statuses = ["in_progress", "in_progress", "archiving", "completed"];
  const { worker, outputs, error, pauses } = await play({ statuses, files: FILES });
  assert.equal(error, null);
  assert.equal(outputs?.run_id, "run-1");
  assert.equal(outputs?.status, "completed");
  assert.deepEqual(
    outputs?.files.map(({ id, name, size }) => [id, name, size]),
    [
      ["123", "customers.csv", 14],
      ["124", "orders.csv", 5],
    ],
  );
  assert.deepEqual(
    worker.questions.map(headers => headers.prefer),
    Array(4).fill("wait=25"),
  );
  assert.deepEqual(
    worker.questions.map(headers => headers["if-none-match"]),
    [undefined, '"in_progress"', '"in_progress"', '"archiving"'],
  );
  assert.deepEqual(pauses, [], "the Worker waits, not the script");
});

test("a Worker that cannot keep a question open is not asked in a tight loop", async () => {
  const { error, pauses } = await play({ statuses: ["queued", "queued", "completed"], waits: false });
  assert.equal(error, null);
  assert.deepEqual(pauses, [1_000, 1_000, 1_000]);
});

test("a delivery whose answer is lost is sent again under the same id, and starts once", async () => {
  for (const secret of [BEARER, SIGNING]) {
    const { worker, outputs, error, lines } = await play({ secret, faults: ["lost", "lost"] });
    assert.equal(error, null);
    assert.equal(new Set(worker.deliveries.map(({ id }) => id)).size, 1);
    assert.deepEqual([worker.deliveries.length, worker.started.length], [3, 1]);
    assert.equal(outputs?.status, "completed");
    assert.ok(lines.includes("duplicate: run run-1"), lines.join("\n"));
  }
});

test("a busy Worker is asked again after the time that it names", async () => {
  const { worker, error, pauses } = await play({ faults: [{ status: 503, retry_after: 7 }, 503, 429] });
  assert.equal(error, null);
  assert.deepEqual(pauses, [7_000, 2_000, 4_000]);
  assert.equal(worker.started.length, 1);
});

test("a Worker that asks for no pause is not asked in a tight loop", async () => {
  for (const retry_after of [0, -1, 0.5, "", "soon", "Sun, 29 Nov 2026 03:00:00 GMT"]) {
    const { error, pauses } = await play({ faults: Array(6).fill({ status: 503, retry_after }) });
    assert.equal(error, null);
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000], `Retry-After: ${retry_after}`);
  }
  const faults = Array(50).fill({ status: 503, retry_after: 0 });
  const { error, worker } = await play({ faults }, { SEEDHOOK_TIMEOUT: "60" });
  assert.equal(error, "the payload was not accepted: HTTP 503 Busy");
  assert.equal(worker.deliveries.length, 6, "after 0, 1, 3, 7, 15 and 31 seconds");
});

test("a Worker that stays away fails the job with what it said last", async () => {
  const { error, worker } = await play({ faults: Array(50).fill(503) }, { SEEDHOOK_TIMEOUT: "60" });
  assert.equal(error, "the payload was not accepted: HTTP 503 Not ready: a store fails");
  assert.equal(worker.started.length, 0);
});

test("what time does not change is not sent again", async () => {
  const { error, worker } = await play({}, { SEEDHOOK_SECRET: "another" });
  assert.match(error ?? "", /HTTP 401 Not verified: token\. Is `secret` the value/);
  assert.doesNotMatch(error ?? "", /another/);
  assert.equal(worker.deliveries.length, 1);
});

test("a run that fails, fails the job and says where", async () => {
  const { error, outputs } = await play({ statuses: ["in_progress", "failed"], stage: "workflow" });
  assert.match(error ?? "", /the run run-1 is failed at stage workflow: .*GET \/api\/runs\/run-1/);
  assert.deepEqual([outputs?.run_id, outputs?.status], ["run-1", "failed"]);
  const parked = await play({ statuses: ["unconfirmed"] });
  assert.match(parked.error ?? "", /unconfirmed at stage start: nobody knows whether its workflow was started/);
});

test("a run that cannot be mapped fails the job at once", async () => {
  const { error, worker } = await play({ outcome: "mapping" });
  assert.match(error ?? "", /failed at stage mapping/);
  assert.equal(worker.questions.length, 0);
});

test("a job does not wait longer than its timeout", async () => {
  const { error, outputs, pauses } = await play(
    { statuses: ["in_progress"], waits: false },
    { SEEDHOOK_TIMEOUT: "90" },
  );
  assert.match(error ?? "", /still in_progress: the time in `timeout` is over/);
  assert.equal(pauses.length, 90);
  assert.equal(outputs?.status, "in_progress");
});

test("a question is kept open no longer than the rest of the timeout", async () => {
  const { worker } = await play({}, { SEEDHOOK_TIMEOUT: "9" });
  assert.equal(worker.questions[0]?.prefer, "wait=9");
});

test("a job that does not wait knows the run", async () => {
  const { error, outputs, worker } = await play({ share: "none" }, { SEEDHOOK_TIMEOUT: "0" });
  assert.equal(error, null);
  assert.deepEqual([outputs?.run_id, outputs?.status, worker.questions.length], ["run-1", "queued", 0]);
});

test("a payload that is ignored, or a hook that shares nothing, fails the job", async () => {
  assert.match((await play({ outcome: "ignored" })).error ?? "", /none of its `when` holds/);
  const { error, outputs } = await play({ share: "none" });
  assert.match(error ?? "", /write share = "status".*LINK_SECRET/);
  assert.equal(outputs?.run_id, "run-1");
});

test("all runs of a delivery are waited for", async () => {
  const { outputs, error } = await play({ runs: 2, statuses: ["in_progress", "completed"], files: FILES });
  assert.equal(error, null);
  assert.equal(outputs?.run_id, "run-1 run-2");
  assert.equal(outputs?.files.length, 4);
});

test("files are downloaded whole, each under a name of its own inside the folder", async () => {
  const into = path.join(await folder(), "new", "folder");
  const files = [
    ...FILES,
    { id: "9/..", name: "../../Orders.csv", body: "x" },
    { id: "10", name: "customers.csv", body: "again" },
  ];
  const { outputs, error, worker } = await play({ files, cut: 2 }, { SEEDHOOK_DOWNLOAD: into });
  assert.equal(
    error,
    "the file ../../Orders.csv cannot be downloaded: HTTP 404 No such file",
    "its id is not one of the server",
  );
  const good = await play({ files: files.filter(({ id }) => id !== "9/.."), cut: 2 }, { SEEDHOOK_DOWNLOAD: into });
  assert.equal(good.error, null);
  assert.deepEqual((await readdir(into)).sort(), ["10-customers.csv", "customers.csv", "orders.csv"]);
  assert.equal(await readFile(path.join(into, "customers.csv"), "utf8"), FILES[0]?.body);
  assert.deepEqual(
    good.outputs?.files.map(file => file.path),
    ["customers.csv", "orders.csv", "10-customers.csv"].map(name => path.join(into, name)),
  );
  assert.ok(outputs === undefined && worker.started.length === 1);
});

test("a file that never comes whole fails the job, and leaves nothing", async () => {
  const into = await folder();
  const { error, pauses } = await play({ files: FILES, cut: 5 }, { SEEDHOOK_DOWNLOAD: into });
  assert.match(error ?? "", /^the file customers\.csv cannot be downloaded: /);
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000]);
  assert.deepEqual(await readdir(into), []);
});

test("files whose names a system takes for the same are two files", async () => {
  const into = await folder();
  const long = "数".repeat(200);
  const names = ["a.part", "a", "A", "2-b", "b", "B", `${long}.csv`, `${long}x.csv`];
  const files = names.map((name, index) => ({ id: `${index}`, name, body: name }));
  const { outputs, error } = await play({ files, cut: 3 }, { SEEDHOOK_DOWNLOAD: into });
  assert.equal(error, null);
  const found = await readdir(into);
  assert.equal(new Set(found.map(name => name.toLowerCase())).size, names.length, found.join());
  for (const file of outputs?.files ?? []) {
    assert.equal(await readFile(file.path ?? "", "utf8"), file.name, "the file has its own content");
  }
});

test("files of many runs with the same name and the same id are two files", async () => {
  const into = await folder();
  const { outputs, error } = await play({ runs: 3, files: FILES }, { SEEDHOOK_DOWNLOAD: into });
  assert.equal(error, null);
  assert.deepEqual(
    outputs?.files.map(file => path.basename(file.path ?? "")),
    ["customers.csv", "orders.csv", "123-customers.csv", "124-orders.csv", "123-2-customers.csv", "124-2-orders.csv"],
  );
});

test("a name cannot leave its folder or begin a workflow command", () => {
  for (const [name, expected] of [
    ["report.csv", "report.csv"],
    ["../../etc/passwd", "__.._etc_passwd"],
    ["..", "_"],
    [".env", "_env"],
    ["::add-path::x", "__add-path__x"],
    ["a\\b\0c", "a_b_c"],
    ["", "file"],
    ["Übersicht 2026.pdf", "Übersicht 2026.pdf"],
    ["a.csv. ", "a.csv_"],
    ["Me\u0301xico.csv", "M\u00e9xico.csv"],
  ]) {
    assert.equal(safeName(/** @type {string} */ (name)), expected);
  }
});

test("a name is none that Windows gives to a device", () => {
  const devices = ["con", "PRN", "aux", "nul", "com0", "Com9", "lpt0", "LPT9", "com¹"];
  for (const device of devices) {
    for (const name of [device, `${device}.csv`, `${device}.tar.gz`, `${device} .csv`])
      assert.equal(safeName(name), `_${name}`);
    for (const name of [`${device}-2.csv`, `my-${device}`, `${device}s.csv`]) assert.equal(safeName(name), name);
  }
  for (const name of ["com", "com10.csv", "lpt"]) assert.equal(safeName(name), name);
});

test("a name reads as it is", () => {
  const reordering = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";
  for (const character of reordering) assert.equal(safeName(`gpj.${character}csv`), "gpj._csv");
});

test("a long name is cut between characters, and keeps its ending", () => {
  for (const [name, expected] of [
    ["数".repeat(200), "数".repeat(66)],
    [`${"数".repeat(200)}.csv`, `${"数".repeat(65)}.csv`],
    [`${"\u{20000}".repeat(100)}.tar.gz`, `${"\u{20000}".repeat(48)}.tar.gz`],
    [`${"a".repeat(195)} b.csv`, `${"a".repeat(195)} .csv`],
    [`${"a".repeat(199)} b`, `${"a".repeat(199)}_`],
    [`a.${"b".repeat(300)}`, `a.${"b".repeat(198)}`],
    ["a".repeat(200), "a".repeat(200)],
  ]) {
    const safe = safeName(/** @type {string} */ (name));
    assert.equal(safe, expected);
    assert.ok(Buffer.byteLength(safe) <= 200, safe);
  }
});

test("a signature is that of Standard Webhooks", async () => {
  const lines = await readFile(new URL("../../tests/vectors/standard-webhooks.json", import.meta.url), "utf8");
  const vectors = lines
    .split("\n")
    .filter(line => line.trim().startsWith("{"))
    .map(line => JSON.parse(line.replace(/,\s*$/, "")));
  const vector = vectors.find(
    ({ expect, secret, body_encoding }) =>
      expect === "accept" && `${secret}`.startsWith("whsec_") && body_encoding === "utf8",
  );
  const known = Object.fromEntries(Object.entries(vector.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const inputs = {
    secret: vector.secret,
    id: known["webhook-id"],
    body: vector.body,
    url: new URL("https://a.example"),
    timeout_ms: 0,
    folder: "",
  };
  const headers = headersOf(inputs, Number(known["webhook-timestamp"]) * 1_000);
  assert.ok(known["webhook-signature"].split(" ").includes(headers["webhook-signature"]), vector.id);
  assert.equal(headersOf({ ...inputs, secret: "token" }, 0).authorization, "Bearer token");
});

test("inputs are checked before anything is sent", async () => {
  const file = path.join(await folder(), "payload.json");
  await writeFile(file, '{"a": 1}\n');
  const good = { SEEDHOOK_URL: "https://seedhook.example/hooks/ci", SEEDHOOK_SECRET: "s" };
  assert.equal((await readInputs(good)).body, "{}");
  assert.equal((await readInputs({ ...good, SEEDHOOK_PAYLOAD: ' {"b": 2} ' })).body, '{"b": 2}');
  assert.equal((await readInputs({ ...good, SEEDHOOK_PAYLOAD: file })).body, '{"a": 1}\n');
  assert.notEqual((await readInputs(good)).id, (await readInputs(good)).id);
  for (const [name, value, message] of [
    ["URL", "http://seedhook.example/hooks/ci", /`url` must be https/],
    ["URL", "", /got nothing/],
    ["SECRET", " ", /`secret` is empty/],
    ["SECRET", "a\nb", /one line/],
    ["PAYLOAD", "{a}", /`payload` is not JSON/],
    ["PAYLOAD", "no-such-file.json", /neither JSON nor a file/],
    ["TIMEOUT", "10m", /`timeout` must be seconds/],
    ["ID", "a b", /`id` must be/],
  ]) {
    await assert.rejects(readInputs({ ...good, [`SEEDHOOK_${name}`]: `${value}` }), {
      message: /** @type {RegExp} */ (message),
    });
  }
});

/**
 * Runs the script as the action does.
 * @param {Record<string, string>} env
 * @returns {Promise<{code: number | null, stdout: string, stderr: string}>}
 */
function spawned(env) {
  const child = spawn(process.execPath, [SCRIPT], { env: { PATH: process.env.PATH, ...env } });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", chunk => {
    said.stdout += chunk;
  });
  child.stderr.on("data", chunk => {
    said.stderr += chunk;
  });
  return new Promise(resolve => child.on("close", code => resolve({ code, ...said })));
}

test("the process masks the secret before anything else, and writes its outputs", async () => {
  const output = path.join(await folder(), "output");
  await writeFile(output, "before=1\n");
  const worker = await Worker.start({ secret: SIGNING, files: FILES });
  const env = { GITHUB_ACTIONS: "true", GITHUB_OUTPUT: output, SEEDHOOK_URL: worker.url, SEEDHOOK_SECRET: SIGNING };
  const { code, stdout, stderr } = await spawned(env);
  const { origin } = worker;
  await worker.stop();
  assert.deepEqual([code, stderr], [0, ""]);
  const [first, second, ...rest] = stdout.trim().split("\n");
  assert.deepEqual([first, second], [`::add-mask::${SIGNING}`, `::add-mask::${SIGNING.slice(6)}`]);
  assert.ok(rest.length > 0 && rest.every(line => line.startsWith("seedhook: ")), stdout);
  assert.ok(!rest.join().includes(SIGNING.slice(6)));
  const written = (await readFile(output, "utf8")).trim().split("\n");
  assert.deepEqual(written.slice(0, 3), ["before=1", "run_id=run-1", "status=completed"]);
  const files = JSON.parse((written[3] ?? "").replace("files=", ""));
  assert.deepEqual(files[0], {
    run_id: "run-1",
    id: "123",
    name: "customers.csv",
    size: 14,
    content_type: "text/csv",
    url: `${origin}/files/123?signature=ff72`,
  });
});

test("the process fails with one line, and writes what it knows", async () => {
  const output = path.join(await folder(), "output");
  const worker = await Worker.start({ secret: BEARER, statuses: ["failed"], stage: "archive" });
  const env = { GITHUB_OUTPUT: output, SEEDHOOK_URL: worker.url, SEEDHOOK_SECRET: BEARER };
  const plain = await spawned(env);
  const action = await spawned({ ...env, GITHUB_ACTIONS: "true" });
  await worker.stop();
  assert.deepEqual([plain.code, action.code], [1, 1]);
  assert.match(plain.stderr, /^seedhook: the run run-1 is failed at stage archive: [^\n]+\n$/);
  assert.match(action.stderr, /^::error title=seedhook::the run run-1 is failed [^\n]+\n$/);
  assert.match(await readFile(output, "utf8"), /^run_id=run-1\nstatus=failed\nfiles=\[\]\n/);
});

test("no text of a server begins a line or reorders one", async () => {
  const files = [{ id: "9/..", name: "a\r\n::add-path::x\u202egpj\u001b[2J", body: "" }];
  const worker = await Worker.start({ secret: BEARER, files });
  const env = { SEEDHOOK_URL: worker.url, SEEDHOOK_SECRET: BEARER, SEEDHOOK_DOWNLOAD: await folder() };
  const [plain, action] = await Promise.all([spawned(env), spawned({ ...env, GITHUB_ACTIONS: "true" })]);
  await worker.stop();
  for (const { stdout, stderr } of [plain, action]) {
    assert.match(stderr, /the file a ::add-path::x gpj \[2J cannot be downloaded: /);
    assert.doesNotMatch(`${stdout}${stderr}`, /^::add-path|[\p{Cf}\r]|(?!\n)\p{Cc}/mu);
  }
});
