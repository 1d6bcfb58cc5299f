// The packed package as its users have it: unpacked into `node_modules`, and run by Node.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";

/** How long a command may take, milliseconds. */
export const COMMAND_MS = 60_000;

const TARBALL = process.env.SEEDHOOK_TARBALL;
assert.ok(TARBALL && process.env.SEEDHOOK_MODULES, "run it by `cargo xtask test package`");

/** Variables that would decide in place of the test. */
const UNSET = [
  "SEEDHOOK_URL", "SEEDHOOK_TOKEN", "CLOUDFLARE_API_TOKEN",
  "OPERATOR_TOKEN", "LINK_SECRET", "CRM_SECRET", "FABRICATE_API_KEY",
];

export const environment = { ...process.env, NO_COLOR: "1", WRANGLER_SEND_METRICS: "false", CI: "1" };
for (const name of UNSET) delete environment[name];

/** A new folder whose `node_modules` has the package. */
export function unpacked() {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "seedhook-package-"));
  const modules = path.join(root, "node_modules");
  const folder = path.join(modules, "seedhook");
  fs.mkdirSync(folder, { recursive: true });
  const done = spawnSync("tar", ["-xzf", TARBALL, "--strip-components=1", "-C", folder]);
  assert.equal(done.status, 0, String(done.stderr));
  const bin = path.join(folder, "cli", "bin.mjs");
  const remove = () => fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  /** Runs a command of the package to its end. */
  const seedhook = (words, { cwd, input = "", env = {} }) => {
    const options = { cwd, input, encoding: "utf8", timeout: COMMAND_MS, env: { ...environment, ...env } };
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...words], options);
    return { status, stdout, stderr, all: stdout + stderr };
  };
  return { root, modules, folder, bin, seedhook, remove };
}

/** Gives a project below the folder the same `node_modules`. */
export function link(modules, project) {
  fs.symlinkSync(modules, path.join(project, "node_modules"), "junction");
}
