// @ts-check
// The scripts of the recipes: seed.sh against a server that plays the Worker, relay.mjs against one that plays Slack.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { mock, test } from "node:test";
import { fileURLToPath } from "node:url";
import relay from "../../docs/recipes/slack-command/relay.mjs";
import { FILES, Worker } from "./worker.mjs";

const SEED = fileURLToPath(new URL("../../docs/recipes/ci-test-data/seed.sh", import.meta.url));
const BEARER = "a-token-of-32-characters-or-more";

/** The programs that the script runs, each with its arguments noted. */
const NOTED = ["curl", "openssl", "jq", "od", "sed", "tr", "cut", "date", "mktemp"];

const has = (/** @type {string} */ program) => spawnSync("bash", ["-c", `command -v ${program}`]).status === 0;
const missing = ["bash", "curl", "openssl", "jq"].filter(program => !has(program));
const skip = missing.length > 0 && `${missing.join(", ")} not installed`;

/**
 * A folder of programs that note their arguments in `calls` and run the real ones. `sleep` only notes.
 * @param {string} folder
 */
async function notedPrograms(folder) {
  const real = spawnSync("bash", ["-c", `type -P ${NOTED.join(" ")}`], { encoding: "utf8" })
    .stdout.trim()
    .split("\n");
  for (const program of [...real, "/bin/sleep"]) {
    const name = path.basename(program);
    const then = name === "sleep" ? "" : `exec "${program}" "$@"`;
    await writeFile(path.join(folder, name), `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>"${folder}/calls"\n${then}\n`);
    await chmod(path.join(folder, name), 0o755);
  }
  await writeFile(path.join(folder, "calls"), "");
  return { PATH: `${folder}:${process.env.PATH}` };
}

/**
 * Runs seed.sh against a server that follows a plan.
 * @param {Partial<import("./worker.mjs").Plan>} plan
 * @param {Record<string, string>} [env]
 */
async function seed(plan, env = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), "seedhook-seed-"));
  const worker = await Worker.start({ secret: BEARER, ...plan });
  const payload = path.join(folder, "payload.json");
  await writeFile(payload, '{ "commit": "6dcb09b", "name": "Söhne" }\n');
  const into = path.join(folder, "test-data");
  const child = spawn("bash", [SEED, payload, into], {
    env: { ...(await notedPrograms(folder)), SEEDHOOK_URL: worker.url, SEEDHOOK_SECRET: worker.plan.secret, ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", chunk => {
    stdout += chunk;
  });
  child.stderr.on("data", chunk => {
    stderr += chunk;
  });
  const code = await new Promise(resolve => child.on("close", resolve));
  const { origin } = worker;
  await worker.stop();
  const calls = await readFile(path.join(folder, "calls"), "utf8");
  return { worker, origin, code, stdout, stderr, calls, into, pauses: calls.match(/^sleep \d+$/gm) ?? [] };
}

/** A signing secret with so many bytes, none of them zero in the first half. */
const signing = (/** @type {number} */ bytes) =>
  `whsec_${Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 37 + 200) % 256)).toString("base64")}`;

test("seed.sh starts a run, waits for it and downloads its files", { skip }, async () => {
  const { worker, code, stdout, stderr, into } = await seed({
    statuses: ["in_progress", "archiving", "completed"],
    files: FILES,
  });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(stdout, `accepted: run run-1\ncompleted\n${into}/customers.csv\n${into}/orders.csv\n`);
  assert.equal(await readFile(path.join(into, "customers.csv"), "utf8"), FILES[0]?.body);
  assert.equal(worker.deliveries[0]?.body, '{ "commit": "6dcb09b", "name": "Söhne" }\n');
  assert.deepEqual(
    worker.questions.map(headers => headers.prefer),
    ["wait=25", "wait=25", "wait=25"],
  );
});

test("seed.sh signs with keys of every length", { skip }, async () => {
  for (const bytes of [24, 32, 64, 65, 100]) {
    const { code, stderr } = await seed({ secret: signing(bytes) });
    assert.deepEqual([code, stderr], [0, ""], `${bytes} bytes`);
  }
});

test("seed.sh shows the secret to nobody: it is in no argument, and not in the log", { skip }, async () => {
  for (const secret of [BEARER, signing(32)]) {
    const { calls, stdout, stderr } = await seed({ secret, faults: [503, 401] });
    assert.match(calls, /^curl /m);
    const hex = Buffer.from(secret.slice(6), "base64").toString("hex");
    for (const form of [secret, secret.slice(6), hex]) assert.ok(!`${calls}${stdout}${stderr}`.includes(form), calls);
  }
});

test("seed.sh repeats a delivery under the same id", { skip }, async () => {
  const { worker, code, stdout, pauses } = await seed({
    secret: signing(32),
    faults: ["lost", { status: 503, retry_after: 9 }, 429],
  });
  assert.equal(code, 0);
  assert.equal(new Set(worker.deliveries.map(({ id }) => id)).size, 1);
  assert.deepEqual([worker.deliveries.length, worker.started.length], [4, 1]);
  assert.deepEqual(pauses, ["sleep 1", "sleep 9", "sleep 4"]);
  assert.match(stdout, /^duplicate: run run-1\n/);
  assert.equal((await seed({}, { SEEDHOOK_ID: "nightly-2026-11-29" })).worker.started[0], "nightly-2026-11-29");
});

test("seed.sh makes growing pauses, also where the Worker asks for none", { skip }, async () => {
  for (const retry_after of [0, "00", -1, "soon"]) {
    const { code, pauses } = await seed({ faults: Array(6).fill({ status: 503, retry_after }) });
    assert.equal(code, 0);
    assert.deepEqual(
      pauses.map(pause => Number(pause.slice("sleep ".length))),
      [1, 2, 4, 8, 16, 30],
      `Retry-After: ${retry_after}`,
    );
  }
  const { pauses } = await seed({ faults: [{ status: 503, retry_after: "08" }] });
  assert.deepEqual(pauses, ["sleep 8"], "a zero in front does not make it octal");
});

test("seed.sh fails with what is wrong", { skip }, async () => {
  for (const [
    plan,
    env,
    message,
  ] of /** @type {[Partial<import("./worker.mjs").Plan>, Record<string, string>, RegExp][]} */ ([
    [{ statuses: ["failed"], stage: "workflow" }, {}, /^seed\.sh: the run run-1 is failed, stage workflow$/m],
    [{ statuses: ["unconfirmed"] }, {}, /the run run-1 is unconfirmed, stage start/],
    [{ outcome: "mapping" }, {}, /the run run-1 failed at stage mapping/],
    [{ outcome: "ignored" }, {}, /the hook ignored the payload/],
    [{ share: "none" }, {}, /the hook shares nothing to wait by/],
    [{}, { SEEDHOOK_SECRET: "another" }, /not accepted: HTTP 401 Not verified: token/],
    [{ statuses: ["in_progress"] }, { SEEDHOOK_TIMEOUT: "0" }, /the run run-1 has not ended in time; it goes on/],
    [{ faults: Array(9).fill(503) }, { SEEDHOOK_TIMEOUT: "0" }, /no usable answer in time, the last status was 503/],
  ])) {
    const { code, stderr } = await seed(plan, env);
    assert.equal(code, 1, stderr);
    assert.match(stderr, message);
  }
});

test("seed.sh keeps files in their folder", { skip }, async () => {
  const files = [
    { id: "1", name: "../../.bashrc", body: "a" },
    { id: "2", name: "same.csv", body: "b" },
    { id: "3", name: "same.csv", body: "c" },
    { id: "4", name: "Same.csv", body: "d" },
    { id: "4", name: "Same.csv", body: "d" },
    { id: "5", name: "con.tar.gz", body: "e" },
    { id: "6", name: `${"数".repeat(200)}.csv`, body: "f" },
    { id: "7", name: ".same.csv.part", body: "g" },
  ];
  const { code, stderr, into } = await seed({ files });
  assert.deepEqual([code, stderr], [0, ""]);
  const long = `${"_".repeat(196)}.csv`;
  const plain = [
    "3-same.csv",
    "4-2-Same.csv",
    "4-Same.csv",
    "_._.._.bashrc",
    "_con.tar.gz",
    "_same.csv.part",
    "same.csv",
  ];
  assert.deepEqual((await readdir(into)).sort(), [...plain, long].sort());
  assert.equal(await readFile(path.join(into, "same.csv"), "utf8"), "b");
});

test("seed.sh gives a file its name only once it is whole", { skip }, async () => {
  const { code, stderr, into, pauses } = await seed({ files: FILES, cut: 3 });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(await readFile(path.join(into, "customers.csv"), "utf8"), FILES[0]?.body);
  assert.deepEqual((await readdir(into)).sort(), ["customers.csv", "orders.csv"]);
  assert.deepEqual(pauses, ["sleep 1", "sleep 2", "sleep 4"]);
  const broken = await seed({ files: FILES, cut: 99 });
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /^seed\.sh: the file customers\.csv cannot be downloaded$/m);
  assert.deepEqual(await readdir(broken.into), []);
});

test("shellcheck finds nothing in seed.sh", { skip: !has("shellcheck") && "shellcheck is not installed" }, () => {
  const { status, stdout } = spawnSync("shellcheck", [SEED], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

const RELAY_SECRET = signing(32);

/**
 * Sends a notification to the relay. Gives its status, and what Slack got.
 * @param {object} message
 * @param {{slack?: number, secret?: string, age_s?: number, method?: string}} [how]
 */
async function notify(message, { slack = 200, secret = RELAY_SECRET, age_s = 0, method = "POST" } = {}) {
  const body = JSON.stringify(message);
  const timestamp = Math.floor(Date.now() / 1_000) - age_s;
  const signature = createHmac("sha256", Buffer.from(secret.slice(6), "base64"))
    .update(`msg_1.${timestamp}.${body}`)
    .digest("base64");
  /** @type {{url: string, body: any}[]} */
  const posts = [];
  const fetched = mock.method(
    globalThis,
    "fetch",
    async (/** @type {string} */ url, /** @type {RequestInit} */ { body }) => {
      posts.push({ url, body: JSON.parse(`${body}`) });
      return new Response(null, { status: slack });
    },
  );
  const headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": `${timestamp}`,
    "webhook-signature": `v1,AAAA v1,${signature}`,
  };
  const request = new Request("https://slack-relay.example", { method, headers, ...(method === "POST" && { body }) });
  const { status } = await relay.fetch(request, { SLACK_RELAY_SECRET: RELAY_SECRET });
  fetched.mock.restore();
  return { status, posts };
}

const ENDED = {
  type: "run.completed",
  data: {
    run_id: "01a2",
    status: "completed",
    delivery_id: "https://hooks.slack.com/commands/T0001/1234/5678",
    files: [
      { name: "a<b>.csv", url: "https://seedhook.example/files/01a2/1?signature=ff" },
      { name: "pending.csv", url: null },
    ],
  },
};

test("the relay posts the files to the command's own address", async () => {
  const { status, posts } = await notify(ENDED);
  assert.equal(status, 204);
  const text = "Your data is ready.\n• <https://seedhook.example/files/01a2/1?signature=ff|a&lt;b&gt;.csv>";
  assert.deepEqual(posts, [{ url: ENDED.data.delivery_id, body: { response_type: "ephemeral", text } }]);
  const failed = await notify({ type: "run.failed", data: { ...ENDED.data, status: "failed" } });
  assert.match(failed.posts[0]?.body.text, /^The run 01a2 is failed\./);
});

test("the relay trusts nobody but seedhook, and calls nobody but Slack", async () => {
  assert.deepEqual(await notify(ENDED, { secret: signing(33) }), { status: 401, posts: [] });
  assert.deepEqual(await notify(ENDED, { age_s: 301 }), { status: 401, posts: [] });
  assert.deepEqual(await notify(ENDED, { method: "GET" }), { status: 405, posts: [] });
  for (const delivery_id of ["https://hooks.slack.com.evil.example/x", "http://hooks.slack.com/x", "msg_1"]) {
    assert.deepEqual(await notify({ type: "run.completed", data: { ...ENDED.data, delivery_id } }), {
      status: 204,
      posts: [],
    });
  }
  assert.deepEqual(await notify({ type: "seedhook.test", data: { target: "slack-relay" } }), {
    status: 204,
    posts: [],
  });
});

test("the relay lets seedhook try again, unless that is useless", async () => {
  assert.equal((await notify(ENDED, { slack: 500 })).status, 502);
  assert.equal((await notify(ENDED, { slack: 404 })).status, 204);
});
