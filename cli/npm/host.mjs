// The machine, for the command line in wasm: files, terminal, network, programs. Decides nothing.
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import readline from "node:readline";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";

/** The oldest Node that wrangler runs on, and the one that is fetched where the machine's is older. */
const NODE_MIN = [22, 12];
const NODE_FALLBACK = "22.23.3";

/** How long a body may pause, milliseconds. */
const BODY_PAUSE_MS = 30_000;

/** How much of a program's output is kept, characters. */
const PRINTED_MAX = 256 * 1024;

/** The message of the error of a request that Ctrl-C ended. */
const INTERRUPTED = "interrupted";

/** How long programs may take to end before they are killed, milliseconds. */
const GRACE_MS = 3_000;

const folder = path.dirname(fileURLToPath(import.meta.url));

/** Paths of Windows, as the commands write them: with slashes. */
const shown = (file) => (path.sep === "\\" ? file.replaceAll("\\", "/") : file);

/** The message of a system's error, in words. */
function words(error, what) {
  const known = {
    ENOENT: "does not exist",
    EEXIST: "is there already",
    EACCES: "may not be accessed",
    EPERM: "may not be accessed",
    EISDIR: "is a folder",
    ENOTDIR: "is in a path that has a file in place of a folder",
    ENOSPC: "cannot be written: the disk is full",
    ECONNREFUSED: "nothing listens there",
    ENOTFOUND: "the name is unknown, or this machine is offline",
    EAI_AGAIN: "the name cannot be looked up: is this machine online?",
    ECONNRESET: "the connection broke off",
    EPIPE: "the connection broke off",
    ETIMEDOUT: "there is no answer",
  };
  const code = error?.code ?? error?.cause?.code;
  return new Error(what ? `${what} ${known[code] ?? `: ${error.message}`}` : (known[code] ?? error?.message ?? String(error)));
}

class Host {
  #bodies = new Map();
  #processes = new Map();
  #servers = [];
  #requests = new Set();
  #next = 1;
  #hasProgress = false;
  #interrupted = false;
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
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      process.on(signal, () => {
        if (this.#catches && !this.#interrupted) {
          this.#interrupted = true;
          this.#wake?.();
          for (const request of this.#requests) request.destroy(new Error(INTERRUPTED));
          return;
        }
        this.showProgress(undefined);
        this.end().finally(() => process.exit(130));
      });
    }
  }

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
    const output = new Writable({ write: (_piece, _encoding, done) => done() });
    const lines = readline.createInterface({ input: process.stdin, output, terminal: true });
    return await new Promise((resolve) => {
      let answer;
      lines.once("line", (line) => {
        answer = line;
        lines.close();
      });
      lines.once("SIGINT", () => lines.close());
      lines.once("close", () => {
        process.stderr.write("\n");
        resolve(answer);
      });
    });
  }

  stdin() {
    return new Uint8Array(fs.readFileSync(0));
  }

  readFile(file) {
    try {
      return new Uint8Array(fs.readFileSync(file));
    } catch (error) {
      if (error.code === "ENOENT") return undefined;
      throw words(error, file);
    }
  }

  writeFile(file, bytes, how) {
    try {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      if (how === "append") return fs.appendFileSync(file, bytes);
      if (how === "replace") {
        const part = `${file}.${process.pid}.tmp`;
        fs.writeFileSync(part, bytes);
        return fs.renameSync(part, file);
      }
      fs.writeFileSync(file, bytes, { flag: "wx", mode: how === "new_secret" ? 0o600 : 0o666 });
    } catch (error) {
      throw words(error, file);
    }
  }

  entry(file) {
    try {
      const found = fs.statSync(file);
      return { is_folder: found.isDirectory(), size: found.size };
    } catch {
      // What cannot be looked at is not there for us; to write there says why.
      return null;
    }
  }

  sha256(file) {
    const hash = createHash("sha256");
    const bytes = new Uint8Array(1 << 20);
    const opened = fs.openSync(file);
    try {
      for (let read; (read = fs.readSync(opened, bytes)) > 0; ) hash.update(bytes.subarray(0, read));
    } finally {
      fs.closeSync(opened);
    }
    return hash.digest("hex");
  }

  folderName(file) {
    return path.basename(path.resolve(file));
  }

  rename(from, to) {
    try {
      fs.renameSync(from, to);
    } catch (error) {
      throw words(error, from);
    }
  }

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
    const code = await new Promise((resolve, reject) => {
      child.once("error", (error) => reject(words(error, command[0])));
      child.once("close", (ended) => resolve(ended ?? -1));
    });
    return { code, ...printed };
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

  async stop(id) {
    const state = this.#processes.get(id);
    this.#processes.delete(id);
    if (!state || state.ended !== null || state.child.pid === undefined) return;
    const { child } = state;
    const closed = new Promise((resolve) => child.once("close", resolve));
    if (process.platform === "win32") {
      spawnSync("taskkill", ["/T", "/F", "/PID", String(child.pid)], { stdio: "ignore" });
      await closed;
      return;
    }
    const kill = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // The group has ended.
      }
    };
    kill("SIGTERM");
    const timer = setTimeout(() => kill("SIGKILL"), GRACE_MS);
    await closed;
    clearTimeout(timer);
    kill("SIGKILL");
  }

  /** Ends everything that runs beside the command. */
  async end() {
    for (const server of this.#servers.splice(0)) await server.close();
    await Promise.all([...this.#processes.keys()].map((id) => this.stop(id)));
    for (const id of this.#bodies.keys()) this.closeBody(id);
  }

  async wrangler() {
    const require = createRequire(path.join(process.cwd(), "package.json"));
    let manifest;
    for (const from of [require, createRequire(import.meta.url)]) {
      try {
        manifest ??= from.resolve("wrangler/package.json");
      } catch {
        // Not there; the next one.
      }
    }
    if (!manifest) throw new Error("wrangler is not installed here: npm install --save-dev wrangler");
    const { bin } = JSON.parse(fs.readFileSync(manifest, "utf8"));
    return [await this.#node(), path.join(path.dirname(manifest), bin.wrangler)];
  }

  /** A Node that is new enough for wrangler: ours, or one from npm. */
  async #node() {
    const [major, minor] = process.versions.node.split(".").map(Number);
    if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return process.execPath;
    const cache = process.env.SEEDHOOK_CACHE || path.join(cacheFolder(), "seedhook");
    const root = path.join(cache, `node-${NODE_FALLBACK}`);
    const program = path.join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
    const needs = `Node ${process.versions.node} is older than ${NODE_MIN.join(".")}, which wrangler needs`;
    const runs = () => spawnSync(program, ["--version"], { encoding: "utf8" }).stdout?.startsWith("v");
    if (!runs()) {
      fs.rmSync(root, { recursive: true, force: true });
      this.print(`${needs}: installing ${NODE_FALLBACK} from npm (half a minute, once)\n`);
      fs.mkdirSync(root, { recursive: true });
      const npm = process.platform === "win32" ? "npm.cmd" : "npm";
      const arguments_ = ["install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
      const done = spawnSync(npm, [...arguments_, "--prefix", root, `node@${NODE_FALLBACK}`], {
        stdio: ["ignore", "ignore", "inherit"],
        shell: process.platform === "win32",
      });
      if (done.status !== 0 || !runs()) {
        throw new Error(`${needs}: install Node ${NODE_MIN.join(".")} or newer from https://nodejs.org`);
      }
    }
    return program;
  }

  async serveFabricate({ port, key, task_ms, log }) {
    const { serveFabricate } = await import("./fabricate.mjs");
    const file = this.#logFile(log);
    const onLine = (line) => file.write(`${line}\n`);
    const server = await serveFabricate(this.#wasm, { port, key, taskMs: task_ms, onLine });
    this.#servers.push(server);
    return server.url;
  }

  async freePort(port) {
    return await new Promise((resolve) => {
      const server = net.createServer();
      server.once("error", () => resolve(null));
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

/** The folder of caches of this system. */
function cacheFolder() {
  if (process.platform === "win32") return process.env.LOCALAPPDATA || os.tmpdir();
  if (process.platform === "darwin") return path.join(os.homedir(), "Library", "Caches");
  return process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache");
}

/** Starts a program with more environment variables. Its own folder is first on the PATH, for programs that find Node by its name. */
function spawned([program, ...words_], env, options) {
  const first = path.isAbsolute(program) ? path.dirname(program) + path.delimiter : "";
  const PATH = first + (process.env.PATH ?? "");
  return spawn(program, words_, { ...options, env: { ...process.env, PATH, ...Object.fromEntries(env) } });
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
