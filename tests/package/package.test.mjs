// The packed npm package as its users have it: unpacked into a project, run by Node, with wrangler beside it.
// `cargo xtask test package` makes it and sets the two variables.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { COMMAND_MS, environment, link, unpacked } from "./installed.mjs";

/** How long the local Worker may take until its first run is archived, milliseconds. */
const DEV_MS = 150_000;

const { root, modules, folder: installed, bin, seedhook: run, remove } = unpacked();
const project = path.join(root, "my seeds");

/** Runs a command of the package in the project. */
const seedhook = (words, options) => run(words, { cwd: project, ...options });

/** Every file below a folder. */
function files(folder) {
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

/** `dev`, which keeps running. */
const dev = { child: undefined, printed: "", url: "" };

before(() => {
  fs.symlinkSync(path.join(process.env.SEEDHOOK_MODULES, "wrangler"), path.join(modules, "wrangler"), "junction");
  const made = seedhook(["init", "my seeds"], { cwd: root });
  assert.equal(made.status, 0, made.all);
  link(modules, project);
  // Names of an account, which the local Fabricate has to take.
  const file = path.join(project, "wrangler.toml");
  const text = fs.readFileSync(file, "utf8").replace('"acme"', '"preview"').replace('"seed-account"', '"create-preview"');
  assert.match(text, /"preview"[^]*"create-preview"/);
  fs.writeFileSync(file, text);
});

after(async () => {
  if (dev.child?.exitCode === null) {
    dev.child.kill("SIGINT");
    await new Promise((resolve) => dev.child.once("close", resolve));
  }
  remove();
});

test("the package has licences, and no source map and no tests", () => {
  const names = files(installed).map((file) => path.relative(installed, file));
  for (const name of ["LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY-LICENSES.txt", "worker/index_bg.wasm", "openapi.json"]) {
    assert.ok(names.includes(path.normalize(name)), name);
  }
  assert.deepEqual(names.filter((name) => /\.map$|\.test\.|\.dev\.vars$/.test(name)), []);
  for (const file of files(installed)) {
    assert.doesNotMatch(fs.readFileSync(file, "latin1"), /sourceMappingURL/, file);
  }
});

test("init writes a project with secrets of its own, and overwrites nothing", () => {
  const secrets = fs.readFileSync(path.join(project, ".dev.vars"), "utf8");
  assert.match(secrets, /OPERATOR_TOKEN="[0-9a-f]{64}"/);
  if (process.platform !== "win32") assert.equal(fs.statSync(path.join(project, ".dev.vars")).mode & 0o077, 0);
  const again = seedhook(["init"]);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /wrangler.toml is there already, so nothing was written/);
  const other = seedhook(["init", "other", "--sender", "github"], { cwd: root });
  assert.equal(other.status, 0, other.all);
  assert.notEqual(fs.readFileSync(path.join(root, "other", ".dev.vars"), "utf8"), secrets);
  assert.equal(seedhook(["init", "../x"], { cwd: root }).status, 2);
  assert.equal(JSON.parse(fs.readFileSync(path.join(project, "package.json"), "utf8")).name, "my-seeds");
});

test("check, try, sign, senders and schema say what the Worker does", () => {
  const checked = seedhook(["check", "--json"]);
  assert.equal(checked.status, 0, checked.all);
  assert.deepEqual(JSON.parse(checked.stdout).hooks, [{ hook: "crm-deal-won" }]);
  const tried = seedhook(["try", "crm-deal-won", "payload.json", "--sign", "--json"]);
  assert.equal(tried.status, 0, tried.all);
  assert.equal(JSON.parse(tried.stdout).verification.verified, true);
  const piped = seedhook(["try", "crm-deal-won", "-"], { input: '{"type": "deal.lost"}' });
  assert.equal(piped.status, 1, piped.all);
  assert.match(seedhook(["sign", "crm-deal-won"]).stdout, /^curl -i 'http:\/\/localhost:8787\/hooks\/crm-deal-won' /);
  assert.match(seedhook(["senders", "stripe"]).stdout, /whsec_/);
  const schema = (name) => fs.readFileSync(path.join(installed, name), "utf8");
  assert.equal(seedhook(["schema"]).stdout, schema("config.schema.json"));
  for (const { $ref } of JSON.parse(schema("wrangler.schema.json")).allOf) {
    assert.ok(fs.existsSync(path.join(installed, $ref)), $ref);
  }
});

test("a mistake has its line in both formats, and Windows line ends change nothing", () => {
  const folder = path.join(root, "mistakes");
  fs.mkdirSync(folder);
  const toml = fs.readFileSync(path.join(project, "wrangler.toml"), "utf8").replace("seats * 10 }}", "seats | uper }}");
  const line = toml.slice(0, toml.indexOf("uper")).split("\n").length;
  for (const text of [toml, toml.replaceAll("\n", "\r\n")]) {
    fs.writeFileSync(path.join(folder, "wrangler.toml"), text);
    const found = seedhook(["check", "mistakes"], { cwd: root });
    assert.equal(found.status, 1, found.all);
    assert.match(found.stdout, new RegExp(`wrangler.toml:${line}:1: HOOKS.crm-deal-won.params.rows: unknown filter`));
  }
  const vars = { HOOKS: { h: { workspace: "w", database: "d", workflw: "f", verify: { scheme: "none" } } } };
  const json = `// a comment\n${JSON.stringify({ name: "x", vars }, undefined, 2)}\n`;
  fs.writeFileSync(path.join(folder, "wrangler.jsonc"), json);
  const found = seedhook(["check", "mistakes"], { cwd: root });
  assert.match(found.stdout, /wrangler.jsonc:9:9: HOOKS.h.workflw: unknown field/);
  fs.writeFileSync(path.join(folder, "wrangler.jsonc"), "{ \"vars\": ");
  assert.match(seedhook(["check", "mistakes"], { cwd: root }).stdout, /wrangler.jsonc:1:\d+: not JSON/);
});

test("a dry run of a deployment plans, bundles, and needs no login", () => {
  const dry = seedhook(["deploy", "--dry-run"]);
  assert.equal(dry.status, 0, dry.all);
  for (const part of ["set the secret FABRICATE_API_KEY", "my-seeds-inbox: journal/ expires after 37 days", "--dry-run: exiting"]) {
    assert.ok(dry.all.includes(part), `${part}\n${dry.all}`);
  }
  const home = path.join(root, "home");
  fs.mkdirSync(home);
  const real = seedhook(["deploy"], { env: { HOME: home, XDG_CONFIG_HOME: home, CLOUDFLARE_CF_FETCH_ENABLED: "false" } });
  assert.equal(real.status, 1, real.all);
  assert.match(real.stderr, /wrangler is not logged in: run `npx wrangler login`/);
});

test("wrong command lines and unreachable Workers have their own exit codes", () => {
  const nobody = "http://127.0.0.1:9";
  for (const [words, status, text] of [
    [["chek"], 2, /there is no command chek; did you mean check\?/],
    [["check", "--jsn"], 2, /takes no option --jsn/],
    [["run"], 2, /RUN is missing/],
    [["try"], 2, /the name of a hook is missing: wrangler.toml has crm-deal-won/],
    [["sign"], 2, /the name of a hook is missing/],
    [["notify"], 2, /the name of a target is missing/],
    [["init", ""], 2, /the name of the folder is empty/],
    [["runs", "--all", "--limit", "5"], 2, /--limit does nothing with --all/],
    [["run", "x", "--wait", "--url", nobody, "--token", "t"], 3, /cannot be reached/],
    [["runs", "--url", "http://example.com", "--token", "t"], 2, /unencrypted/],
    [["runs", "--url", "https://seedhook.example"], 2, /set SEEDHOOK_TOKEN/],
    [["runs", "--url", nobody, "--token", "t"], 3, /cannot be reached: nothing listens there; start it with `npx seedhook dev`/],
    [["try", "crm-deal-wom"], 1, /did you mean crm-deal-won\?/],
    [["try", "crm-deal-won", "nothing.json"], 1, /nothing.json does not exist/],
  ]) {
    const found = seedhook(words);
    assert.equal(found.status, status, `${words}\n${found.all}`);
    assert.match(found.stderr, text);
  }
  assert.equal(seedhook(["--help"]).status, 0);
  assert.match(seedhook(["check"], { cwd: os.tmpdir() }).stderr, /has no wrangler.toml and no wrangler.jsonc.*seedhook init/);
  for (const shell of ["bash", "zsh", "fish", "powershell"]) assert.equal(seedhook(["completions", shell]).status, 0);
  assert.match(seedhook(["completions", "--words", "try"]).stdout, /crm-deal-won/);
});

test("standard input is bounded, and Ctrl-C ends its reading", { timeout: COMMAND_MS }, async () => {
  const long = seedhook(["try", "crm-deal-won", "-"], { input: "x".repeat((8 << 20) + 1) });
  assert.equal(long.status, 1, long.all);
  assert.match(long.stderr, /the payload cannot be read from standard input: there are more than 8 MiB/);
  const child = spawn(process.execPath, [bin, "try", "crm-deal-won", "-"], { cwd: project, env: environment });
  const closed = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
  // Nothing tells when it reads; before that, Ctrl-C ends it too.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  child.kill("SIGINT");
  const { code, signal } = await closed;
  assert.ok(signal === "SIGINT" || code === 130, `${code} ${signal}`);
});

test("dev shows the main job, and keeps running until Ctrl-C", { timeout: DEV_MS }, async () => {
  const port = await new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const found = server.address().port;
      server.close(() => resolve(found));
    });
  });
  dev.url = `http://127.0.0.1:${port}`;
  const words = [bin, "dev", "--port", String(port), "--fabricate-port", "0"];
  dev.child = spawn(process.execPath, words, { cwd: project, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [dev.child.stdout, dev.child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      dev.printed += text;
    });
  }
  while (!dev.printed.includes("Ctrl-C ends everything")) {
    assert.equal(dev.child.exitCode, null, dev.printed);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.match(dev.printed, /✓ archived: report.csv, .*\n✓ archived: summary.pdf, .*\n✓ completed: 2 files archived/);
  assert.match(dev.printed, /✓ dashboard, signed in: http:\/\/127.0.0.1:\d+\/#token=[0-9a-f]{64}/);
});

const local = () => ({ env: { SEEDHOOK_URL: dev.url } });
const token = () => fs.readFileSync(path.join(project, ".dev.vars"), "utf8").match(/OPERATOR_TOKEN="(.*)"/)[1];

async function api(address) {
  const answer = await fetch(dev.url + address, { headers: { authorization: `Bearer ${token()}` } });
  return await answer.json();
}

/** The list of runs, once it shows the end of the first. */
async function endedRuns() {
  for (let tries = 0; tries < 100; tries++) {
    const { runs } = await api("/api/runs");
    if (runs[0]?.status === "completed") return runs;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail("the run does not end in the list");
}

test("a second dev in the folder says where the first is", () => {
  const second = seedhook(["dev", "--once"]);
  assert.equal(second.status, 1, second.all);
  assert.match(second.stderr, new RegExp(`dev runs in this folder already, at ${dev.url} \\(process ${dev.child.pid}\\)`));
});

test("the operator's commands say what the API says", async () => {
  const runs = await endedRuns();
  const listed = seedhook(["runs", "--json"], local());
  assert.deepEqual(JSON.parse(listed.stdout).runs, runs, listed.all);
  const run = runs[0].run_id;
  assert.match(seedhook(["runs", "--status", "completed"], local()).stdout, new RegExp(`${run}  completed  crm-deal-won`));
  assert.deepEqual(JSON.parse(seedhook(["run", run, "--json"], local()).stdout), await api(`/api/runs/${run}`));
  // Fabricate's times are whole seconds, so its events may stand before ours.
  assert.match(seedhook(["run", run, "--timeline"], local()).stdout, /accepted\n(.*\n)*.*start_decided {2}attempt=1\n/);
  assert.equal(seedhook(["run", run, "--wait"], local()).status, 0);
  const unknown = seedhook(["run", "01a20af0-284a-7a93-9383-0e59bdec030d"], local());
  assert.equal(unknown.status, 1, unknown.all);
  assert.match(unknown.stderr, /there is no run with this id/);
  const wrong = seedhook(["runs", "--token", "w".repeat(40)], local());
  assert.equal(wrong.status, 3, wrong.all);
  assert.match(wrong.stderr, /refuses the token/);
  assert.equal(seedhook(["adopt", run, "x"], local()).status, 1);
  assert.match(seedhook(["retry"], local()).stderr, /0 runs: nothing is retried without --yes/);
  assert.match(seedhook(["retry", "--yes"], local()).stdout, /0 retried, 0 skipped/);
});

/** A server in front of the Worker whose files stop after 100 bytes. */
async function stalling() {
  const server = http.createServer(async ({ url, headers: { authorization } }, response) => {
    const answer = await fetch(dev.url + url, { headers: { authorization } });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const etag = answer.headers.get("etag");
    response.writeHead(answer.status, { "content-length": bytes.length, ...(etag && { etag }) });
    if (url.includes("/files/")) response.write(bytes.subarray(0, 100));
    else response.end(bytes);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

/** Downloads the files of a run until the first 100 bytes are there, and presses Ctrl-C. */
async function interruptedDownload(run, parts) {
  const server = await stalling();
  const words = [bin, "files", run, "--download", "downloads", "--url", server.url];
  const child = spawn(process.execPath, words, { cwd: project, env: environment });
  let printed = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  const closed = new Promise((resolve) => child.once("close", resolve));
  while (!parts().some((part) => fs.statSync(part).size === 100)) {
    assert.equal(child.exitCode, null, printed);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill("SIGINT");
  assert.equal(await closed, 130, printed);
  assert.match(printed, /what came is kept, and the same command goes on from there/);
  server.close();
}

test("files are downloaded whole, go on where they broke off, and are not overwritten", { timeout: COMMAND_MS }, async () => {
  const [{ run_id }] = (await api("/api/runs")).runs;
  const { files: archived } = await api(`/api/runs/${run_id}`);
  const folder = path.join(project, "downloads");
  const download = () => seedhook(["files", run_id, "--download", "downloads"], local());
  const first = download();
  assert.equal(first.status, 0, first.all);
  const [file] = archived;
  const saved = path.join(folder, file.name);
  const whole = fs.readFileSync(saved);
  assert.equal(whole.length, file.size);
  if (file.sha256) assert.equal(createHash("sha256").update(whole).digest("hex"), file.sha256);
  fs.rmSync(saved);
  const names = () => fs.readdirSync(folder).filter((name) => /^report\.csv\.[0-9a-f]{8}\.seedhook-part$/.test(name));
  const parts = () => names().map((name) => path.join(folder, name));
  await interruptedDownload(run_id, parts);
  const second = download();
  assert.equal(second.status, 0, second.all);
  assert.match(second.stdout, /downloaded downloads\/report.csv/);
  assert.deepEqual(fs.readFileSync(saved), whole);
  assert.deepEqual(parts(), []);
  assert.match(download().stdout, /already there( \(only the size was compared\))?: downloads\/report.csv/);
  fs.writeFileSync(saved, "mine");
  const third = download();
  assert.equal(third.status, 1, third.all);
  assert.match(third.stderr, /is there already and is another file/);
  assert.equal(fs.readFileSync(saved, "utf8"), "mine");
});

test("Ctrl-C ends dev and all that it started", { timeout: COMMAND_MS }, async () => {
  const closed = new Promise((resolve) => dev.child.once("close", resolve));
  dev.child.kill("SIGINT");
  assert.equal(await closed, 0, dev.printed);
  await assert.rejects(fetch(dev.url), "the Worker still answers");
});
