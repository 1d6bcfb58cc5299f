// The packed file itself: what a registry and a reader get, and that nothing in it depends on when and where it was made.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { COMMAND_MS, environment, unpacked } from "./installed.mjs";

const TARBALL = process.env.SEEDHOOK_TARBALL;
const BLOCK = 512;

/** The time that npm gives every file, in seconds. */
const NPM_TIME = Date.UTC(1985, 9, 26, 8, 15) / 1000;

const { root, folder, remove } = unpacked();
after(remove);

const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));

/** The headers of an archive: a name, rights, owner and time for each file. */
function headers(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const text = (from, length) => bytes.toString("utf8", at + from, at + from + length).replace(/\0.*$/s, "");
    const number = (from, length) => Number.parseInt(text(from, length).trim() || "0", 8);
    if (text(0, 100) === "") break;
    found.push({
      name: `${text(345, 155)}/${text(0, 100)}`.replace(/^\//, ""),
      kind: text(156, 1),
      mode: number(100, 8),
      owners: [number(108, 8), number(116, 8), text(265, 32), text(297, 32)],
      time: number(136, 12),
    });
    at += BLOCK + Math.ceil(number(124, 12) / BLOCK) * BLOCK;
  }
  return found;
}

/** The relative links of a page, without those in blocks of code. */
function links(page) {
  const prose = page.split(/^\s*```.*$/m).filter((_, index) => index % 2 === 0).join("\n");
  return [...prose.matchAll(/\]\(([^)]*)\)/g)].map(([, target]) => target.replaceAll("\n", "").split("#")[0]);
}

const pages = fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".md"));
const read = (name) => fs.readFileSync(path.join(folder, name), "utf8");

test("every link of a page leads to a file of the package, or to the web", () => {
  assert.ok(pages.length > 20, String(pages));
  for (const page of pages) {
    for (const target of links(read(page)).filter((found) => found && !/^[a-z]+:/.test(found))) {
      const file = path.resolve(folder, path.dirname(page), target);
      assert.ok(file === folder || file.startsWith(folder + path.sep), `${page}: ${target} leads out of the package`);
      assert.ok(fs.existsSync(file), `${page}: ${target} is not in the package`);
    }
  }
});

test("the manifest names the repository, and files that are there", () => {
  assert.equal(manifest.repository.url, "git+https://github.com/seedhook/seedhook.git");
  for (const name of ["version", "description", "license", "homepage", "bugs", "engines"]) assert.ok(manifest[name], name);
  const targets = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(targets));
  for (const file of [...targets(manifest.exports), ...targets(manifest.bin), manifest.types, ...manifest.files]) {
    assert.ok(fs.existsSync(path.join(folder, file)), file);
  }
});

test("of the hidden files only the recipes' examples are packed", () => {
  const hidden = fs.readdirSync(folder, { recursive: true }).filter((name) => path.basename(name).startsWith("."));
  assert.deepEqual([...new Set(hidden.map((name) => path.basename(name)))], [".dev.vars.example"]);
});

test("no file has a time, an owner or rights of the machine", () => {
  const bytes = fs.readFileSync(TARBALL);
  // A time, and the system (RFC 1952, section 2.3.1): 255 is unknown.
  assert.deepEqual([bytes.readUInt32LE(4), bytes[9]], [0, 255]);
  const files = headers(gunzipSync(bytes));
  assert.ok(files.length > 50, String(files.length));
  for (const { name, kind, mode, owners, time } of files) {
    assert.equal(kind, "0", name);
    assert.deepEqual(owners, [0, 0, "", ""], name);
    assert.equal(time, NPM_TIME, name);
    const runs = name.endsWith(".sh") || name === "package/cli/bin.mjs";
    if (process.platform !== "win32") assert.equal(mode.toString(8), runs ? "755" : "644", name);
  }
});

test("packed again at another time in another folder, it is the same file, and npm has no warning", { skip: process.platform === "win32" }, () => {
  const copy = path.join(root, "a copy");
  fs.cpSync(folder, copy, { recursive: true });
  // A configuration of the user may have warnings of its own.
  const env = { ...environment, npm_config_userconfig: path.join(root, "none"), npm_config_loglevel: "warn" };
  const words = ["pack", "--json", "--pack-destination", root, copy];
  const packed = spawnSync("npm", words, { cwd: root, env, encoding: "utf8", timeout: COMMAND_MS });
  assert.equal(packed.status, 0, packed.stderr);
  assert.equal(packed.stderr, "");
  const hash = (file) => createHash("sha256").update(fs.readFileSync(file)).digest("hex");
  assert.equal(hash(path.join(root, path.basename(TARBALL))), hash(TARBALL));
});
