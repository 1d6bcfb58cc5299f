// Builds the dashboard into build/dashboard/: index.html, one hashed script, one hashed style sheet, the static files.
// With --tests it bundles the unit tests into build/dashboard-tests/ instead, where `node --test` runs them.
import { readdirSync } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);
const OUT = join(ROOT, "build", "dashboard");
const TESTS_OUT = join(ROOT, "build", "dashboard-tests");
/** All files together, compressed. A larger dashboard fails the build. */
const TRANSFER_BYTES_MAX = 60 * 1024;

const common = { bundle: true, jsx: "automatic", jsxImportSource: "preact", logLevel: "warning", absWorkingDir: ROOT };

async function buildTests() {
  await rm(TESTS_OUT, { recursive: true, force: true });
  const tests = readdirSync(join(HERE, "tests")).filter(name => name.endsWith(".test.ts"));
  await build({
    ...common,
    entryPoints: tests.map(name => join(HERE, "tests", name)),
    outdir: TESTS_OUT,
    outExtension: { ".js": ".mjs" },
    format: "esm",
    platform: "node",
    target: "node20",
    loader: { ".css": "empty" },
    sourcemap: "inline",
  });
}

async function buildApp() {
  await rm(OUT, { recursive: true, force: true });
  await mkdir(OUT, { recursive: true });
  const { metafile } = await build({
    ...common,
    entryPoints: { app: join(HERE, "src", "main.tsx") },
    outdir: OUT,
    entryNames: "[name]-[hash]",
    format: "esm",
    platform: "browser",
    target: ["es2022", "chrome111", "firefox115", "safari16.4"],
    minify: true,
    legalComments: "none",
    metafile: true,
  });
  const outputs = Object.keys(metafile.outputs).map(path => basename(path));
  const named = extension => {
    const found = outputs.find(name => name.endsWith(extension));
    if (!found) throw new Error(`the bundle has no ${extension} file`);
    return found;
  };
  const page = (await readFile(join(HERE, "index.html"), "utf8"))
    .replace("{{script}}", `/${named(".js")}`)
    .replace("{{style}}", `/${named(".css")}`);
  await writeFile(join(OUT, "index.html"), page);
  await cp(join(HERE, "static"), OUT, { recursive: true });
}

async function checkSize() {
  let total = 0;
  for (const name of readdirSync(OUT)) {
    if (name === "_headers") continue;
    const bytes = gzipSync(await readFile(join(OUT, name)), { level: 9 }).length;
    total += bytes;
    console.log(`${String(bytes).padStart(7)} bytes compressed  ${relative(ROOT, join(OUT, name))}`);
  }
  console.log(`${String(total).padStart(7)} bytes compressed  in all, of ${TRANSFER_BYTES_MAX} allowed`);
  if (total > TRANSFER_BYTES_MAX) throw new Error("the dashboard is too large");
}

if (process.argv.includes("--tests")) {
  await buildTests();
} else {
  await buildApp();
  await checkSize();
}
