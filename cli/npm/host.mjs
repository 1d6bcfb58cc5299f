// The machine, for the command line in wasm: terminal, network, running programs; files.mjs and programs.mjs have the rest. Decides nothing.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import process from "node:process";
import readline from "node:readline";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import * as files from "./files.mjs";
import { words } from "./files.mjs";
import { endProgram, nodeForWrangler, spawned, wranglerProgram } from "./programs.mjs";

/** How long a body may pause, milliseconds. */
const BODY_PAUSE_MS = 30_000;

/** How much of a program's output is kept, characters. */
const PRINTED_MAX = 256 * 1024;

/** The message of the error of a request that Ctrl-C ended. */
const INTERRUPTED = "interrupted";

/** How long the lines of one paste may take to come, milliseconds. */
const PASTE_MS = 100;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

const folder = path.dirname(fileURLToPath(import.meta.url));

/** Paths of Windows, as the commands write them: with slashes. */
const shown = (file) => (path.sep === "\\" ? file.replaceAll("\\", "/") : file);

class Host {
  #bodies = new Map();
  /** The programs that run beside the command. */
  #processes = new Map();
  /** The programs that the command waits for. */
  #children = new Set();
  #servers = [];
  #requests = new Set();
  #next = 1;
  #hasProgress = false;
  #interrupted = false;
  /** Ends a question at the terminal. */
  #abort = new AbortController();
  #wake = undefined;
  #catches = false;
  #wasm;

  constructor(wasm) {
    this.#wasm = wasm;
    // A reader that stops early, as `head` does, ends the command and what it started.
    process.stdout.on("error", () => {
      const code = this.#processes.size > 0 ? 1 : 0;
      this.end().finally(() => process.exit(code));
    });
    process.stderr.on("error", () => {});
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  #onSignal = () => {
    if (this.#catches && !this.#interrupted) {
      this.#interrupted = true;
      this.#wake?.();
      this.#abort.abort();
      for (const request of this.#requests) request.destroy(new Error(INTERRUPTED));
      // A terminal sends Ctrl-C to them, too; other senders do not.
      for (const child of this.#children) endProgram(child);
      return;
    }
    this.showProgress(undefined);
    this.end().finally(() => process.exit(130));
  };

  env(name) {
    return process.env[name];
  }

  now() {
    return Date.now();
  }

  random(count) {
    return new Uint8Array(randomBytes(count));
  }

  print(text) {
    this.showProgress(undefined);
    process.stdout.write(text);
  }

  printError(text) {
    this.showProgress(undefined);
    process.stderr.write(text);
  }

  showProgress(line) {
    if (!process.stderr.isTTY || (line === undefined && !this.#hasProgress)) return;
    const width = (process.stderr.columns || 80) - 1;
    process.stderr.write(`\r\x1b[2K${(line ?? "").slice(0, width)}`);
    this.#hasProgress = line !== undefined;
  }

  terminal() {
    const is_terminal = Boolean(process.stdout.isTTY);
    return { is_terminal, columns: process.stdout.columns || 80 };
  }

  /** The line that is typed; null without a terminal, undefined on Ctrl-C. */
  async askSecret(prompt) {
    if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
    process.stderr.write(prompt);
    try {
      return await typedLine(process.stdin, this.#abort.signal);
    } finally {
      process.stderr.write("\n");
    }
  }

  /** Standard input, but at most one byte more than `bytesMax`. */
  stdin(bytesMax) {
    // It blocks the thread on which our handlers would run. Without them a signal ends the program.
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    try {
      return files.readInput(bytesMax);
    } catch (error) {
      throw words(error);
    } finally {
      for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    }
  }

  readFile = files.readFile;
  writeFile = files.writeFile;
  entry = files.entry;
  sha256 = files.sha256;
  folderName = files.folderName;
  rename = files.rename;

  async open({ method, url, headers, body, timeout_ms }) {
    const { request } = url.startsWith("https:") ? https : http;
    // Node adds no Host to a list.
    const pairs = ["host", new URL(url).host, ...headers.filter(([name]) => name.toLowerCase() !== "host").flat()];
    if (body.length > 0 || method === "POST") pairs.push("content-length", String(body.length));
    const answer = await new Promise((resolve, reject) => {
      const sent = request(url, { method, headers: pairs }, resolve);
      const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeout_ms / 1000} s`)), timeout_ms);
      sent.once("response", () => clearTimeout(timer));
      sent.once("close", () => {
        clearTimeout(timer);
        this.#requests.delete(sent);
      });
      this.#requests.add(sent);
      sent.once("error", (error) => reject(words(error)));
      sent.end(body.length > 0 ? body : undefined);
    });
    answer.setTimeout(BODY_PAUSE_MS, () => answer.destroy(new Error(`nothing came for ${BODY_PAUSE_MS / 1000} s`)));
    const id = this.#next++;
    this.#bodies.set(id, { answer, pieces: answer[Symbol.asyncIterator]() });
    const pairsIn = [];
    for (let i = 0; i < answer.rawHeaders.length; i += 2) {
      pairsIn.push([answer.rawHeaders[i].toLowerCase(), answer.rawHeaders[i + 1]]);
    }
    return { status: answer.statusCode, headers: pairsIn, body: id };
  }

  async readBody(id) {
    const body = this.#bodies.get(id);
    if (!body) return undefined;
    try {
      const { value, done } = await body.pieces.next();
      if (!done) return new Uint8Array(value);
      this.#bodies.delete(id);
      return undefined;
    } catch (error) {
      this.#bodies.delete(id);
      throw words(error);
    }
  }

  closeBody(id) {
    this.#bodies.get(id)?.answer.destroy();
    this.#bodies.delete(id);
  }

  async run({ words: command, env, input, is_shown }) {
    const output = is_shown ? "inherit" : "pipe";
    const child = spawned(command, env, { stdio: [input == null ? "ignore" : "pipe", output, output] });
    const printed = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) {
      child[name]?.setEncoding("utf8").on("data", (text) => {
        printed[name] = (printed[name] + text).slice(-PRINTED_MAX);
      });
    }
    if (input != null) child.stdin.on("error", () => {}).end(input);
    return { code: await this.#ended(child, command[0]), ...printed };
  }

  /** Waits for a program, which ends with us. Its exit code. */
  async #ended(child, name) {
    this.#children.add(child);
    try {
      return await new Promise((resolve, reject) => {
        child.once("error", (error) => reject(words(error, name)));
        child.once("close", (code) => resolve(code ?? -1));
      });
    } finally {
      this.#children.delete(child);
    }
  }

  start({ words: command, env, is_shown }, log) {
    const file = this.#logFile(log);
    const child = spawned(command, env, {
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that what it starts ends with it.
      detached: process.platform !== "win32",
    });
    const state = { child, ended: null, printed: "" };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        file.write(text);
        state.printed = (state.printed + text).slice(-PRINTED_MAX);
        if (is_shown) this.print(text);
      });
    }
    child.once("error", (error) => (state.ended = words(error, command[0]).message));
    child.once("close", (code, signal) => (state.ended ??= signal ?? `exit code ${code}`));
    const id = this.#next++;
    this.#processes.set(id, state);
    return id;
  }

  /** A file for a log. Without it the command goes on, because everything else works. */
  #logFile(log) {
    try {
      fs.mkdirSync(path.dirname(log), { recursive: true });
    } catch (error) {
      throw words(error, path.dirname(log));
    }
    return fs.createWriteStream(log).on("error", (error) => this.printError(`${words(error, log).message}\n`));
  }

  process(id) {
    const { ended, printed } = this.#processes.get(id) ?? { ended: "it was stopped", printed: "" };
    return { ended, printed };
  }

  processId() {
    return process.pid;
  }

  isRunning(id) {
    try {
      process.kill(id, 0);
      return true;
    } catch {
      // There is none, or it is another user's.
      return false;
    }
  }

  async stop(id) {
    const state = this.#processes.get(id);
    this.#processes.delete(id);
    if (state && state.ended === null) await endProgram(state.child, { isGroup: true });
  }

  /** Ends everything that the command started. */
  async end() {
    for (const server of this.#servers.splice(0)) await server.close();
    const children = [...this.#children].map((child) => endProgram(child));
    await Promise.all([...children, ...[...this.#processes.keys()].map((id) => this.stop(id))]);
    for (const id of this.#bodies.keys()) this.closeBody(id);
  }

  async wrangler() {
    const ended = async (child, name) => {
      const code = await this.#ended(child, name);
      if (this.#interrupted) throw new Error(INTERRUPTED);
      return code;
    };
    const program = wranglerProgram();
    return [await nodeForWrangler((line) => this.print(line), ended), program];
  }

  async serveFabricate({ port, key, task_ms, log }) {
    const { serveFabricate } = await import("./fabricate.mjs");
    const file = this.#logFile(log);
    const onLine = (line) => file.write(`${line}\n`);
    const server = await serveFabricate(this.#wasm, { port, key, taskMs: task_ms, onLine });
    this.#servers.push(server);
    return server.url;
  }

  /** The port, and null where it is taken. */
  async freePort(port) {
    return await new Promise((resolve, reject) => {
      const server = net.createServer();
      server.once("error", (error) => {
        if (error.code === "EADDRINUSE") return resolve(null);
        reject(error.code === "EACCES" ? new Error("this user may not listen there") : words(error));
      });
      server.listen(port, "127.0.0.1", () => {
        const { port: found } = server.address();
        server.close(() => resolve(found));
      });
    });
  }

  async openInBrowser(url) {
    const [program, arguments_] =
      process.platform === "darwin" ? ["open", []] : process.platform === "win32" ? ["cmd", ["/C", "start", ""]] : ["xdg-open", []];
    const child = spawn(program, [...arguments_, url], { stdio: "ignore" });
    return await new Promise((resolve) => {
      child.once("error", () => resolve(false));
      child.once("close", (code) => resolve(code === 0));
    });
  }

  /** Whether Ctrl-C was pressed. */
  async sleep(ms) {
    if (this.#interrupted) return true;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    return this.#interrupted;
  }

  catchInterrupts() {
    this.#catches = true;
  }
}

/** The line that is typed at a terminal, which does not show it; undefined on Ctrl-C, and when `signal` says so. */
async function typedLine(input, signal) {
  const output = new Writable({ write: (_piece, _encoding, done) => done() });
  const lines = readline.createInterface({ input, output, terminal: true, signal });
  return await new Promise((resolve, reject) => {
    const typed = [];
    lines.on("line", (line) => {
      typed.push(line);
      // The rest of a paste comes at once. Left unread, it would be the answer to the next question.
      if (typed.length === 1) setTimeout(() => lines.close(), PASTE_MS);
    });
    lines.once("SIGINT", () => {
      typed.length = 0;
      lines.close();
    });
    lines.once("close", () => {
      if (typed.length < 2 && (typed.length === 0 || lines.line === "")) return resolve(typed[0]);
      reject(new Error("what was pasted has more than one line, so nothing of it was taken: set the variable in the environment"));
    });
  });
}

/** How package.json has to name this package: by its version, or by the file that it was installed from. */
function packageSpec() {
  const { version } = JSON.parse(fs.readFileSync(path.join(folder, "..", "package.json"), "utf8"));
  const modules = path.join(folder, "..", "..");
  try {
    const lock = JSON.parse(fs.readFileSync(path.join(modules, ".package-lock.json"), "utf8"));
    const resolved = lock.packages["node_modules/seedhook"].resolved;
    if (resolved.startsWith("file:")) {
      return `file:${shown(path.resolve(modules, "..", resolved.slice("file:".length)))}`;
    }
  } catch {
    // Installed by another program than npm.
  }
  return `^${version}`;
}

/** Runs a command line, and returns the exit code. */
export async function main(words_) {
  process.env.SEEDHOOK_PACKAGE ??= packageSpec();
  const wasm = createRequire(import.meta.url)("./seedhook_cli.js");
  const host = new Host(wasm);
  const slashed = words_.map((word) => (process.platform === "win32" ? shown(word) : word));
  try {
    return await wasm.run(host, slashed);
  } catch (error) {
    process.stderr.write(`error: ${error?.message ?? error}\n`);
    return 1;
  } finally {
    await host.end();
  }
}
