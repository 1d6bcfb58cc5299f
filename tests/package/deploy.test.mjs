// `seedhook deploy` in front of a wrangler that writes down what it is asked, because no account is there to deploy to.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { link, unpacked } from "./installed.mjs";

/** A wrangler: appends each call to a file, and answers as a variable says. */
const WRANGLER = `
const fs = require("node:fs");
const words = process.argv.slice(2);
const input = words[1] === "bulk" ? fs.readFileSync(0, "utf8") : "";
fs.appendFileSync(process.env.CALLS, JSON.stringify({ words, input, colours: process.env.FORCE_COLOR }) + "\\n");
const answers = JSON.parse(process.env.ANSWERS);
const name = Object.keys(answers).find((known) => words.join(" ").startsWith(known));
const { code = 0, text = "", interrupts = false } = answers[name] ?? {};
if (interrupts) process.kill(process.ppid, "SIGINT");
if (words[0] === "deploy") fs.writeFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, '{"type":"deploy","targets":[]}\\n');
(code === 0 ? process.stdout : process.stderr).write(text);
process.exitCode = code;
`;

const { root, modules, seedhook, remove } = unpacked();
const project = path.join(root, "seeds");
after(remove);

fs.mkdirSync(path.join(modules, "wrangler"));
fs.writeFileSync(path.join(modules, "wrangler", "package.json"), '{"name":"wrangler","bin":{"wrangler":"./wrangler.cjs"}}');
fs.writeFileSync(path.join(modules, "wrangler", "wrangler.cjs"), WRANGLER);
assert.equal(seedhook(["init", "seeds"], { cwd: root }).status, 0);
link(modules, project);

/** Makes the output of a command look like a terminal. */
const TERMINAL = path.join(root, "terminal.mjs");
fs.writeFileSync(TERMINAL, "process.stdout.isTTY = true;\n");
const terminal = { NODE_OPTIONS: `--import=${pathToFileURL(TERMINAL)}` };

/** Deploys in front of these answers. Returns what came of it, and the calls. */
function deploy(answers, env = {}, words = []) {
  const calls = path.join(root, "calls.jsonl");
  fs.writeFileSync(calls, "");
  const variables = { CALLS: calls, ANSWERS: JSON.stringify(answers), ...env };
  const done = seedhook(["deploy", ...words], { cwd: project, env: variables });
  const lines = fs.readFileSync(calls, "utf8").trim().split("\n").filter(Boolean);
  return { ...done, calls: lines.map((line) => JSON.parse(line)) };
}

const short = (calls) => calls.map(({ words }) => words.join(" "));
const secrets = { FABRICATE_API_KEY: "key", OPERATOR_TOKEN: "t".repeat(40), CRM_SECRET: 'whsec_it\'s "$HOME"\nb' };

/** An error as wrangler 4.164 prints it, with its colours. */
const failure = (text) => ({ code: 1, text: `\x1b[31m✘ \x1b[41;31m[\x1b[41;97mERROR\x1b[41;31m]\x1b[0m \x1b[1m${text}\x1b[0m\n\n` });
const apiFailure = (text) => failure(`A request to the Cloudflare API (/accounts/a/b) failed.\x1b[0m\n\n  ${text}`);
const noWorker = {
  "secret list": failure('Worker "seeds" not found.'),
  "r2 bucket lifecycle list": apiFailure("The specified bucket does not exist. [code: 10006]"),
};

test("a first deployment sets secrets, deploys, and adds the rules in their order", () => {
  const { status, stdout, stderr, calls } = deploy(noWorker, secrets);
  assert.equal(status, 0, stdout + stderr);
  const rules = [["deliveries", 30], ["journal", 37], ["retries", 37], ["turns", 45], ["ignored", 7], ["handshakes", 1]];
  assert.deepEqual(short(calls), [
    "whoami --json",
    "secret list --format json",
    "r2 bucket lifecycle list seeds-inbox",
    "secret bulk",
    "deploy",
    ...rules.map(([name, days]) => `r2 bucket lifecycle add seeds-inbox ${name} ${name}/ --expire-days ${days} --force`),
  ]);
  const set = JSON.parse(calls[3].input);
  assert.deepEqual(Object.keys(set), ["FABRICATE_API_KEY", "OPERATOR_TOKEN", "LINK_SECRET", "CRM_SECRET"]);
  assert.equal(set.CRM_SECRET, secrets.CRM_SECRET);
  assert.match(set.LINK_SECRET, /^[0-9a-f]{64}$/);
  assert.ok(calls.every(({ words, colours }) => (words[0] === "deploy" ? colours !== "0" : colours === "0")), "colours are read");
  assert.ok(stdout.indexOf("set the secret LINK_SECRET: random") < stdout.indexOf("✓ 4 secrets set"), stdout);
  for (const value of Object.values(set)) assert.ok(!(stdout + stderr).includes(value), "a secret is printed");
});

test("what is there stays as it is", () => {
  const list = JSON.stringify(["FABRICATE_API_KEY", "OPERATOR_TOKEN", "LINK_SECRET", "CRM_SECRET"].map((name) => ({ name })));
  const rules = ["deliveries/", "journal/", "retries/", "turns/", "ignored/", "handshakes/"].map((prefix) => `prefix: ${prefix}\n`);
  const { status, stdout, calls } = deploy({ "secret list": { text: list }, "r2 bucket lifecycle list": { text: rules.join("") } });
  assert.equal(status, 0, stdout);
  assert.deepEqual(short(calls).slice(3), ["deploy"]);
  assert.match(stdout, /leave its 4 secrets as they are/);
});

test("nothing is changed when something is missing or fails first", () => {
  for (const [answers, env, text] of [
    [{ whoami: { code: 1, text: "You are not authenticated." } }, secrets, /wrangler is not logged in: run `npx wrangler login`/],
    [{ "secret list": failure("500: internal error") }, secrets, /cannot list the Worker's secrets. Nothing was changed/],
    [{ "secret list": apiFailure("The account was not found. [code: 7003]") }, secrets, /cannot list the Worker's secrets. Nothing was changed/],
    [{ ...noWorker, "r2 bucket lifecycle list": apiFailure("The account was not found. [code: 7003]") }, secrets, /cannot list the lifecycle rules of seeds-inbox. Nothing was changed/],
    [noWorker, { ...secrets, FABRICATE_API_KEY: "local-fabricate-key" }, /FABRICATE_API_KEY is the key of the local Fabricate.*Nothing was changed/],
    [noWorker, { ...secrets, OPERATOR_TOKEN: "local-operator-token-of-32-characters-or-more" }, /OPERATOR_TOKEN still has the value of .dev.vars.example.*Nothing was changed/],
    [noWorker, { ...secrets, FABRICATE_API_KEY: "" }, /FABRICATE_API_KEY is missing: set it in the environment. Nothing was changed/],
    [noWorker, { ...secrets, OPERATOR_TOKEN: "" }, /OPERATOR_TOKEN must be in the environment: there is no terminal/],
    [noWorker, { ...secrets, OPERATOR_TOKEN: "short" }, /OPERATOR_TOKEN must have at least 32 characters.*Nothing was changed/],
  ]) {
    const { status, stderr, calls } = deploy(answers, env);
    assert.equal(status, 1, stderr);
    assert.match(stderr, text);
    assert.ok(!stderr.includes("\x1b"), stderr);
    assert.deepEqual(short(calls).filter((call) => /bulk|^deploy|add/.test(call)), []);
  }
});

test("a failure in the middle says what is done, and the same command goes on", () => {
  const failed = deploy({ ...noWorker, deploy: { code: 1, text: "boom" } }, secrets);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /`wrangler deploy` failed \(1\): see above; the same command goes on from here/);
  const rule = deploy({ ...noWorker, "r2 bucket lifecycle add seeds-inbox journal": { code: 1, text: "no" } }, secrets);
  assert.match(rule.stderr, /the Worker is deployed, but seeds-inbox has no rule for journal\/ yet: run the same command again/);
});

test("at a terminal a random secret is shown once, before it can be lost", () => {
  const { OPERATOR_TOKEN, ...others } = secrets;
  for (const [broken, text] of [
    ["secret bulk", /none is set and nothing was deployed/],
    ["deploy", /`wrangler deploy` failed/],
    ["r2 bucket lifecycle add", /the Worker is deployed, but seeds-inbox has no rule/],
    [undefined, /^$/],
  ]) {
    const { stdout, stderr, calls } = deploy({ ...noWorker, ...(broken && { [broken]: failure("no") }) }, { ...others, ...terminal });
    const { OPERATOR_TOKEN: token } = JSON.parse(calls.find(({ words }) => words.join(" ") === "secret bulk").input);
    assert.match(token, /^[0-9a-f]{64}$/);
    assert.equal(stdout.split(`  OPERATOR_TOKEN=${token}\n`).length, 2, stdout);
    const [before] = stdout.split("✓");
    assert.match(before, /Shown once, so keep them now/);
    assert.match(stderr, text);
  }
});

test("Ctrl-C says what is done", { skip: process.platform === "win32" && "there are no signals" }, () => {
  const interrupted = { code: 130, interrupts: true };
  for (const [at, step] of [
    ["secret bulk", "setting the secrets. Done before it: nothing"],
    ["deploy", "deploying the Worker. Done before it: 4 secrets are set"],
  ]) {
    const { status, stderr } = deploy({ ...noWorker, [at]: interrupted }, secrets);
    assert.equal(status, 130, stderr);
    assert.equal(stderr, `interrupted at this step: ${step}. The same command goes on from here\n`);
  }
  const early = deploy({ whoami: interrupted }, secrets);
  assert.equal(early.status, 130);
  assert.deepEqual(short(early.calls), ["whoami --json"]);
});

test("an environment is deployed by its own names", () => {
  const file = path.join(project, "wrangler.toml");
  const before = fs.readFileSync(file, "utf8");
  const hook = 'HOOKS = { h = { workspace = "w", database = "d", workflow = "f", verify = { scheme = "none" } } }';
  const bindings = 'kv_namespaces = [{ binding = "RUNS" }]\nr2_buckets = [{ binding = "INBOX" }, { binding = "FILES" }]';
  fs.appendFileSync(file, `\n[env.eu]\n${bindings}\nvars = { ${hook} }\n`);
  const { status, stdout, stderr, calls } = deploy(noWorker, secrets, ["--env", "eu"]);
  fs.writeFileSync(file, before);
  assert.equal(status, 0, stdout + stderr);
  assert.ok(short(calls).includes("deploy --env eu"), short(calls).join("\n"));
  assert.ok(short(calls).includes("r2 bucket lifecycle list seeds-eu-inbox"));
  assert.equal(deploy(noWorker, secrets, ["--env", "us"]).status, 1);
});
