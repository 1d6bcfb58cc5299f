// Programs of the machine: how they are started and ended; wrangler, and a Node that is new enough for it.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import process from "node:process";

/** The oldest Node that wrangler runs on, and the one that is fetched where the machine's is older. */
const NODE_MIN = [22, 12];
const NODE_FALLBACK = "22.23.3";

/** How long programs may take to end before they are killed, milliseconds. */
const GRACE_MS = 3_000;

/** The program of the wrangler that is installed in this folder, or beside us. */
export function wranglerProgram() {
  let manifest;
  for (const from of [createRequire(path.join(process.cwd(), "package.json")), createRequire(import.meta.url)]) {
    try {
      manifest ??= from.resolve("wrangler/package.json");
    } catch {
      // Not there; the next one.
    }
  }
  if (!manifest) throw new Error("wrangler is not installed here: npm install --save-dev wrangler");
  const { bin } = JSON.parse(fs.readFileSync(manifest, "utf8"));
  return path.join(path.dirname(manifest), bin.wrangler);
}

/** A Node that is new enough for wrangler: ours, or one from npm. `ended` waits for npm and says its exit code. */
export async function nodeForWrangler(print, ended) {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return process.execPath;
  const cache = process.env.SEEDHOOK_CACHE || path.join(cacheFolder(), "seedhook");
  const root = path.join(cache, `node-${NODE_FALLBACK}`);
  const program = path.join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  const needs = `Node ${process.versions.node} is older than ${NODE_MIN.join(".")}, which wrangler needs`;
  const runs = () => spawnSync(program, ["--version"], { encoding: "utf8" }).stdout?.startsWith("v");
  if (!runs()) {
    fs.rmSync(root, { recursive: true, force: true });
    print(`${needs}: installing ${NODE_FALLBACK} from npm (half a minute, once)\n`);
    const code = await ended(installNode(root), "npm");
    if (code !== 0 || !runs()) {
      throw new Error(`${needs}: install Node ${NODE_MIN.join(".")} or newer from https://nodejs.org`);
    }
  }
  return program;
}

/** Starts npm, which installs the Node that is fetched. */
function installNode(root) {
  fs.mkdirSync(root, { recursive: true });
  const isWindows = process.platform === "win32";
  const options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
  // The package's install script downloads the program for this machine.
  options.push("--ignore-scripts=false", "--prefix", isWindows ? `"${root}"` : root);
  return spawn(isWindows ? "npm.cmd" : "npm", ["install", ...options, `node@${NODE_FALLBACK}`], {
    stdio: ["ignore", "ignore", "inherit"],
    shell: isWindows,
  });
}

/** Ends a program, with its group or, on Windows, all that it started, and waits for its end. */
export async function endProgram(child, { isGroup = false } = {}) {
  // Of a group, others may be left.
  const hasEnded = !isGroup && (child.exitCode !== null || child.signalCode !== null);
  if (child.pid === undefined || hasEnded) return;
  // Others may hold on to the output of a program that is no group.
  const ended = new Promise((resolve) => child.once(isGroup ? "close" : "exit", resolve));
  if (process.platform === "win32") {
    spawnSync("taskkill", ["/T", "/F", "/PID", String(child.pid)], { stdio: "ignore" });
    await ended;
    return;
  }
  const kill = (signal) => {
    try {
      process.kill(isGroup ? -child.pid : child.pid, signal);
    } catch {
      // It has ended.
    }
  };
  kill("SIGTERM");
  const timer = setTimeout(() => kill("SIGKILL"), GRACE_MS);
  await ended;
  clearTimeout(timer);
  if (isGroup) kill("SIGKILL");
}

/** The folder of caches of this system. */
function cacheFolder() {
  if (process.platform === "win32") return process.env.LOCALAPPDATA || os.tmpdir();
  if (process.platform === "darwin") return path.join(os.homedir(), "Library", "Caches");
  return process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache");
}

/** Starts a program with more environment variables. Its own folder is first on the PATH, for programs that find Node by its name. */
export function spawned([program, ...words_], env, options) {
  const first = path.isAbsolute(program) ? path.dirname(program) + path.delimiter : "";
  const PATH = first + (process.env.PATH ?? "");
  return spawn(program, words_, { ...options, env: { ...process.env, PATH, ...Object.fromEntries(env) } });
}
