#!/usr/bin/env node
// @ts-check
// Starts a run of seedhook, waits for it, and downloads its files. Runs on Node 20 and later, without a package.
//
// It reads its inputs from the environment: nothing is on a command line, where `ps` shows it.
import { createHmac, randomUUID } from "node:crypto";
import { createWriteStream, realpathSync } from "node:fs";
import { appendFile, mkdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

/** How long the Worker may keep a question open, seconds: its own maximum. */
const WAIT_S = 25;

/** How long a request may take beyond that, milliseconds. */
const REQUEST_MS = 15_000;

/** How long the download of one file may take, milliseconds. */
const DOWNLOAD_MS = 15 * 60_000;

/** The pauses between attempts, milliseconds: each is twice the one before. */
const PAUSE_MS = { first: 1_000, longest: 30_000 };

/** How often a file is tried. */
const DOWNLOAD_ATTEMPTS = 5;

/** The longest name of a file, bytes of UTF-8: file systems take 255, and the name of a part is a little longer. */
const NAME_BYTES_MAX = 200;

/** The longest start that tells files of the same name apart, bytes. */
const PREFIX_BYTES_MAX = 60;

/** A name that Windows gives to a device, whatever ending follows it. */
const DEVICE = /^(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\.|$)/i;

/** What a file's name ends in, which says what is in it. */
const ENDING = /(\.tar)?\.[^.]{1,16}$/u;

/** How long to go on trying to start where the caller does not wait for the run, milliseconds. */
const START_MS = 120_000;

/** Statuses that never change. `unconfirmed` waits for a person: no job can wait for that. */
const ENDED = ["completed", "failed", "canceled", "unconfirmed"];

/** Answers after which the same request may succeed. */
const MAY_SUCCEED_LATER = [408, 425, 429, 500, 502, 503, 504];

/**
 * @typedef {{url: URL, secret: string, body: string, id: string, timeout_ms: number, folder: string}} Inputs
 * @typedef {{now: () => number, sleep: (ms: number) => Promise<unknown>}} Clock
 * @typedef {{run_id: string, status: string, status_url?: string, error?: {stage: string} | null}} StartedRun
 * @typedef {{id: string, name: string, size: number | null, content_type: string | null, state: string, url: string | null}} SharedFile
 * @typedef {StartedRun & {files?: SharedFile[]}} SharedRun
 * @typedef {{run_id: string, id: string, name: string, size: number | null, content_type: string | null, url: string | null, path?: string}} FoundFile
 * @typedef {{run_id: string, status: string, files: FoundFile[]}} Outputs
 */

/** A failure with a message for the person who reads the job's log, and what is known of the run. */
export class JobError extends Error {
  /**
   * @param {string} message
   * @param {Outputs} [outputs]
   */
  constructor(message, outputs) {
    super(message);
    this.outputs = outputs;
  }
}

/**
 * Reads the inputs.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Inputs>}
 */
export async function readInputs(env) {
  const input = (/** @type {string} */ name) => (env[`SEEDHOOK_${name}`] ?? "").trim();
  const secret = input("SECRET");
  if (secret === "")
    throw new JobError("`secret` is empty: is the secret of the repository set, and may this job read it?");
  if (/[\r\n]/.test(secret)) throw new JobError("`secret` must be one line");
  const id = input("ID") || randomUUID();
  if (!/^[\x21-\x7e]{1,256}$/.test(id))
    throw new JobError("`id` must be 1 to 256 visible ASCII characters without blanks");
  const timeout = input("TIMEOUT") || "1800";
  if (!/^\d{1,6}$/.test(timeout)) throw new JobError(`\`timeout\` must be seconds, 0 to 999999, got ${timeout}`);
  return {
    url: addressOf(input("URL")),
    secret,
    body: await bodyOf(input("PAYLOAD") || "{}"),
    id,
    timeout_ms: Number(timeout) * 1_000,
    folder: input("DOWNLOAD"),
  };
}

/** @param {string} text */
function addressOf(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLocal = url !== null && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url === null || (url.protocol !== "https:" && !(isLocal && url.protocol === "http:"))) {
    throw new JobError(`\`url\` must be https://<your Worker>/hooks/<hook>, got ${text || "nothing"}`);
  }
  return url;
}

/**
 * The payload: JSON text, or the path of a file.
 * @param {string} payload
 */
async function bodyOf(payload) {
  const isText = /^[[{"]/.test(payload);
  let text = payload;
  if (!isText) {
    try {
      text = await readFile(payload, "utf8");
    } catch (error) {
      throw new JobError(`\`payload\` is neither JSON nor a file that can be read: ${messageOf(error)}`);
    }
  }
  try {
    JSON.parse(text);
  } catch (error) {
    throw new JobError(`\`payload\` is not JSON: ${messageOf(error)}`);
  }
  return text;
}

/**
 * The headers of a delivery. The event has the same id in every attempt, and each attempt is signed anew, because a
 * signature is valid for five minutes.
 * @param {Inputs} inputs
 * @param {number} now milliseconds since 1970
 * @returns {Record<string, string>}
 */
export function headersOf({ secret, id, body }, now) {
  const headers = { "content-type": "application/json", "user-agent": "seedhook-action" };
  if (!secret.startsWith("whsec_")) {
    return { ...headers, authorization: `Bearer ${secret}`, "idempotency-key": id };
  }
  // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
  const timestamp = Math.floor(now / 1_000);
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { ...headers, "webhook-id": id, "webhook-timestamp": `${timestamp}`, "webhook-signature": `v1,${signature}` };
}

/**
 * Starts the runs, waits for them, and downloads their files.
 * @param {Inputs} inputs
 * @param {Clock} clock
 * @param {(line: string) => void} log
 * @returns {Promise<Outputs>}
 */
export async function run(inputs, clock, log) {
  const until = clock.now() + (inputs.timeout_ms || START_MS);
  const started = await start(inputs, until, clock, log);
  if (inputs.timeout_ms === 0) return outputsOf(started);
  const ended = [];
  for (const one of started) ended.push(await waitFor(one, until, clock, log, started));
  const outputs = outputsOf(ended);
  const bad = ended.find(one => one.status !== "completed");
  if (bad !== undefined) throw new JobError(reasonOf(bad), outputs);
  if (inputs.folder !== "") await downloadAll(outputs.files, inputs.folder, clock, log);
  else for (const file of outputs.files) log(`${safeName(file.name)}: ${file.size ?? "?"} bytes`);
  return outputs;
}

/**
 * Sends the payload until the Worker takes it.
 * @param {Inputs} inputs
 * @param {number} until
 * @param {Clock} clock
 * @param {(line: string) => void} log
 * @returns {Promise<StartedRun[]>}
 */
async function start(inputs, until, clock, log) {
  const send = () => {
    const headers = headersOf(inputs, clock.now());
    return fetch(inputs.url, {
      method: "POST",
      headers,
      body: inputs.body,
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
  };
  const answer = await insist("the payload was not accepted", send, until, clock, log);
  const said = await answer.text();
  if (!answer.ok) throw new JobError(`the payload was not accepted: ${problemOf(answer, said)}`);
  /** @type {{status?: string, runs?: StartedRun[]}} */
  const { status, runs } = parsed(said) ?? {};
  if (status === "ignored")
    throw new JobError("the hook ignored the payload: none of its `when` holds, so nothing was started");
  if (!Array.isArray(runs) || runs.length === 0) {
    throw new JobError(
      "the answer names no run: does the hook state an `answer` of its own, or is this another address?",
    );
  }
  for (const { run_id } of runs) log(`${status}: run ${run_id}`);
  return runs;
}

/**
 * Follows a run by the signed link in the answer until it ends.
 * @param {StartedRun} started
 * @param {number} until
 * @param {Clock} clock
 * @param {(line: string) => void} log
 * @param {StartedRun[]} all what is reported if this fails
 * @returns {Promise<SharedRun>}
 */
async function waitFor(started, until, clock, log, all) {
  if (ENDED.includes(started.status) && started.status !== "completed") return started;
  if (!URL.canParse(started.status_url ?? "")) {
    const remedy = 'write share = "status" (or "files") in the hook, and set LINK_SECRET; or do not wait: timeout 0';
    throw new JobError(
      `the run ${started.run_id} was started, but its hook shares nothing to wait by: ${remedy}`,
      outputsOf(all),
    );
  }
  /** @type {SharedRun} */
  let run = started;
  let etag = "";
  for (;;) {
    const left_s = Math.ceil((until - clock.now()) / 1_000);
    if (left_s <= 0) {
      const known = outputsOf(all.map(one => (one.run_id === run.run_id ? run : one)));
      throw new JobError(
        `the run ${run.run_id} is still ${run.status}: the time in \`timeout\` is over. The run goes on`,
        known,
      );
    }
    const wait_s = Math.min(WAIT_S, left_s);
    const ask = () =>
      fetch(/** @type {string} */ (started.status_url), {
        headers: { prefer: `wait=${wait_s}`, ...(etag && { "if-none-match": etag }) },
        signal: AbortSignal.timeout(wait_s * 1_000 + REQUEST_MS),
      });
    const answer = await insist(`the run ${run.run_id} cannot be followed`, ask, until, clock, log);
    const said = await answer.text();
    // A Worker that cannot keep a question open answers at once.
    if (!answer.headers.has("preference-applied")) await clock.sleep(PAUSE_MS.first);
    if (answer.status === 304) continue;
    const next = answer.ok ? parsed(said) : null;
    if (next === null)
      throw new JobError(`the run ${run.run_id} cannot be followed: ${problemOf(answer, said)}`, outputsOf(all));
    if (next.status !== run.status) log(`${next.run_id}: ${next.status}`);
    run = next;
    etag = answer.headers.get("etag") ?? "";
    if (ENDED.includes(run.status)) return run;
  }
}

/**
 * Sends a request until it is answered with something that time does not change.
 * @param {string} what what failed, for the message
 * @param {() => Promise<Response>} send
 * @param {number} until
 * @param {Clock} clock
 * @param {(line: string) => void} log
 */
async function insist(what, send, until, clock, log) {
  for (let pause_ms = PAUSE_MS.first; ; pause_ms = Math.min(2 * pause_ms, PAUSE_MS.longest)) {
    let reason;
    let asked_ms = 0;
    try {
      const answer = await send();
      if (!MAY_SUCCEED_LATER.includes(answer.status)) return answer;
      reason = problemOf(answer, await answer.text());
      // A date, which no seedhook sends, is not read.
      asked_ms = Number(answer.headers.get("retry-after")) * 1_000 || 0;
    } catch (error) {
      reason = messageOf(error);
    }
    // An answer may ask for a longer pause and not for a shorter one: after `Retry-After: 0` there would be no pause at all.
    const wait_ms = Math.max(pause_ms, asked_ms);
    if (clock.now() + wait_ms >= until) throw new JobError(`${what}: ${reason}`);
    log(`${reason}; next attempt in ${wait_ms / 1_000} s`);
    await clock.sleep(wait_ms);
  }
}

/**
 * Downloads the files into a folder, and notes the path of each.
 * @param {FoundFile[]} files
 * @param {string} folder
 * @param {Clock} clock
 * @param {(line: string) => void} log
 */
async function downloadAll(files, folder, clock, log) {
  const without = files.find(file => file.url === null);
  if (without !== undefined) throw new JobError(`the file ${without.name} has no link`);
  await mkdir(folder, { recursive: true });
  const taken = new Set();
  for (const file of files) {
    const name = freeName(file, taken);
    taken.add(name.toLowerCase());
    file.path = path.join(folder, name);
    // No other file can have the part's name: none begins with a dot.
    await download(file, { part: path.join(folder, `.${name}.part`), target: file.path }, clock, log);
    log(`${file.path}: ${file.size ?? "?"} bytes`);
  }
}

/**
 * @param {FoundFile} file
 * @param {{part: string, target: string}} paths where it is until it is whole, and then
 * @param {Clock} clock
 * @param {(line: string) => void} log
 */
async function download(file, { part, target }, clock, log) {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetch(/** @type {string} */ (file.url), { signal: AbortSignal.timeout(DOWNLOAD_MS) });
      if (!answer.ok || answer.body === null) throw new Error(problemOf(answer, await answer.text()));
      let bytes = 0;
      const count = async function* (/** @type {AsyncIterable<Uint8Array>} */ chunks) {
        for await (const chunk of chunks) {
          bytes += chunk.byteLength;
          yield chunk;
        }
      };
      await pipeline(Readable.fromWeb(/** @type {any} */ (answer.body)), count, createWriteStream(part));
      if (file.size !== null && bytes !== file.size) throw new Error(`${bytes} bytes came, not ${file.size}`);
      return await rename(part, target);
    } catch (error) {
      await rm(part, { force: true });
      if (attempt === DOWNLOAD_ATTEMPTS)
        throw new JobError(`the file ${file.name} cannot be downloaded: ${messageOf(error)}`);
      log(`${file.name}: ${messageOf(error)}; next attempt`);
      await clock.sleep(PAUSE_MS.first * 2 ** (attempt - 1));
    }
  }
}

/**
 * A name that no other file of the folder has. Systems differ in whether upper and lower case are the same.
 * @param {FoundFile} file
 * @param {Set<string>} taken in lower case
 */
function freeName({ id, name }, taken) {
  const prefix = cut(safeName(id), PREFIX_BYTES_MAX);
  let free = safeName(name);
  for (let count = 1; taken.has(free.toLowerCase()); count++) {
    free = safeName(`${prefix}${count > 1 ? `-${count}` : ""}-${name}`);
  }
  return free;
}

/**
 * A name that stays in its folder, that every system takes, and that reads as it is: all but letters, digits, blanks and
 * `._-` is replaced, so also characters that reorder a line.
 * @param {string} name
 */
export function safeName(name) {
  // Some systems take the two forms of a letter like é for the same.
  const composed = name.normalize("NFC");
  const plain = composed.replace(/[^\p{L}\p{N}._ -]/gu, "_").replace(/^[. ]+/, "_");
  const usable = DEVICE.test(plain) ? `_${plain}` : plain;
  const ending = ENDING.exec(usable)?.[0] ?? "";
  const stem = cut(usable.slice(0, usable.length - ending.length), NAME_BYTES_MAX - Buffer.byteLength(ending));
  // Windows drops dots and blanks at the end.
  const safe = `${stem}${ending}`.replace(/[. ]+$/, "_");
  return safe === "" ? "file" : safe;
}

/**
 * The start of a text that has at most so many bytes of UTF-8.
 * @param {string} text
 * @param {number} bytes_max
 */
function cut(text, bytes_max) {
  let kept = "";
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytes_max) break;
    kept += character;
  }
  return kept;
}

/**
 * @param {SharedRun[]} runs
 * @returns {Outputs}
 */
function outputsOf(runs) {
  const worst = runs.find(one => one.status !== "completed") ?? runs[0];
  return {
    run_id: runs.map(one => one.run_id).join(" "),
    status: worst?.status ?? "",
    files: runs.flatMap(({ run_id, files = [] }) =>
      files.map(({ id, name, size, content_type, url }) => ({ run_id, id, name, size, content_type, url })),
    ),
  };
}

/** @param {SharedRun} run */
function reasonOf({ run_id, status, error }) {
  const where = error ? ` at stage ${error.stage}` : "";
  const next =
    status === "unconfirmed"
      ? "nobody knows whether its workflow was started; an operator decides"
      : "an operator sees the reason";
  return `the run ${run_id} is ${status}${where}: ${next} in the dashboard, or by GET /api/runs/${run_id}`;
}

/**
 * What an answer says went wrong: the problem that seedhook describes, or the status.
 * @param {Response} answer
 * @param {string} said
 */
function problemOf(answer, said) {
  const problem = parsed(said);
  const detail = [problem?.title, problem?.detail].filter(text => typeof text === "string").join(": ");
  const hint =
    answer.status === 401
      ? ". Is `secret` the value that the Worker has, and the right kind for the hook's `verify`?"
      : "";
  return `HTTP ${answer.status}${detail && ` ${detail}`}${hint}`;
}

/**
 * @param {string} text
 * @returns {any} `null` if it is no JSON object
 */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function messageOf(error) {
  const { message, cause } = /** @type {Error} */ (error);
  return cause instanceof Error && cause.message ? `${message} (${cause.message})` : message;
}

/**
 * Escapes the text of a workflow command, which ends at a line break.
 * @param {string} text
 */
const escaped = text => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");

/**
 * Appends the outputs to the file that GitHub Actions reads.
 * @param {string | undefined} file
 * @param {Outputs | undefined} outputs
 */
async function writeOutputs(file, outputs) {
  if (!file || outputs === undefined) return;
  const lines = [`run_id=${outputs.run_id}`, `status=${outputs.status}`, `files=${JSON.stringify(outputs.files)}`];
  // No value has a line break: ids and statuses have none, and JSON escapes them.
  await appendFile(file, `${lines.map(line => line.replace(/[\r\n]/g, " ")).join("\n")}\n`);
}

/**
 * One line that reads as it is: control characters, and characters that reorder a line, are blanks.
 * @param {string} text
 */
const plainLine = text => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");

/**
 * Prints a line that GitHub Actions does not take for a command, whatever a server put into it.
 * @param {string} line
 */
const printLine = line => console.log(`seedhook: ${plainLine(line).replaceAll("##[", "## [")}`);

async function main() {
  const { env } = process;
  const secret = (env.SEEDHOOK_SECRET ?? "").trim();
  if (env.GITHUB_ACTIONS && secret !== "") {
    console.log(`::add-mask::${escaped(secret)}`);
    if (secret.startsWith("whsec_")) console.log(`::add-mask::${escaped(secret.slice("whsec_".length))}`);
  }
  try {
    const outputs = await run(await readInputs(env), { now: Date.now, sleep }, printLine);
    await writeOutputs(env.GITHUB_OUTPUT, outputs);
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    await writeOutputs(env.GITHUB_OUTPUT, error.outputs);
    const message = plainLine(error.message);
    console.error(env.GITHUB_ACTIONS ? `::error title=seedhook::${escaped(message)}` : `seedhook: ${message}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href)
  await main();
