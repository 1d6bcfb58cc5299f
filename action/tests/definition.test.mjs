// @ts-check
// action.yml and the pages against the script: the same inputs and outputs, and nothing that a shell would run.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";

const read = (/** @type {string} */ file) => readFile(new URL(`../../${file}`, import.meta.url), "utf8");
const definition = await read("action/action.yml");
const script = await read("action/run.mjs");

/** The names directly below a top-level key. */
function namesBelow(/** @type {string} */ key) {
  const section = definition.split(/^(?=\S)/m).find(part => part.startsWith(`${key}:`)) ?? "";
  return [...section.matchAll(/^ {2}(\w+):$/gm)].map(([, name]) => name);
}

/** The blocks of `with` of a workflow that uses the action: the names in each. */
function uses(/** @type {string} */ workflow) {
  const steps = workflow.split(/^ *- /m).filter(step => step.includes("uses: ./.github/actions/seedhook"));
  return steps.map(step =>
    [...(step.split(/^ *with:\n/m)[1] ?? "").matchAll(/^ +(\w+):/gm)].map(([, name]) => `${name}`),
  );
}

const inputs = namesBelow("inputs");

test("the inputs of action.yml are those that the script reads", () => {
  const passed = [...definition.matchAll(/^ {8}SEEDHOOK_(\w+): \$\{\{ inputs\.(\w+) \}\}$/gm)];
  for (const [, variable, input] of passed) assert.equal(variable, input?.toUpperCase());
  const expected = [...inputs].sort();
  assert.equal(expected.length, 6);
  assert.deepEqual(passed.map(([, , input]) => input).sort(), expected);
  const asked = [...script.matchAll(/input\("(\w+)"\)/g)].map(([, name]) => name?.toLowerCase());
  assert.deepEqual([...new Set(asked)].sort(), expected);
});

test("the outputs of action.yml are those that the script writes", () => {
  const written = [...script.matchAll(/`(\w+)=\$\{(?:outputs|JSON)/g)].map(([, name]) => name);
  assert.deepEqual(namesBelow("outputs"), written);
  for (const name of written) assert.ok(definition.includes(`value: \${{ steps.run.outputs.${name} }}`), name);
});

test("no expression is a part of a command", () => {
  const commands = [...definition.matchAll(/^ +(?:- )?run: (.*)$/gm)].map(([, command]) => command);
  assert.deepEqual(commands, ['node "$GITHUB_ACTION_PATH/run.mjs"']);
});

test("every default of action.yml is that of the script", () => {
  const section = definition.split(/^(?=\S)/m).find(part => part.startsWith("inputs:")) ?? "";
  const defaults = Object.fromEntries(
    [...section.matchAll(/^ {2}(\w+):\n(?: {4}.*\n)*? {4}default: "(.*)"$/gm)].map(([, name, value]) => [name, value]),
  );
  assert.deepEqual(defaults, { payload: "{}", id: "", timeout: "1800", download: "" });
  assert.ok(script.includes('input("PAYLOAD") || "{}"') && script.includes('input("TIMEOUT") || "1800"'));
});

test("pages show the workflows as they are, and these pass inputs that exist", async () => {
  const folders = ["action", "docs/recipes/ci-test-data", "docs/recipes/nightly-staging"];
  let count = 0;
  for (const folder of folders) {
    const page = await read(`${folder}/README.md`);
    const files = (await readdir(new URL(`../../${folder}`, import.meta.url))).filter(name =>
      /^(workflow|gitlab-ci)\.yml$/.test(name),
    );
    for (const file of files)
      assert.ok(
        page.includes(`\`\`\`yaml\n${(await read(`${folder}/${file}`)).trimEnd()}\n\`\`\``),
        `${folder}/${file}`,
      );
    for (const names of uses(page)) {
      count++;
      for (const name of names) assert.ok(inputs.includes(name), `${folder}: ${name}`);
      assert.ok(names.includes("url") && names.includes("secret"), folder);
    }
  }
  assert.ok(count >= 3, `${count} uses`);
});

test("the page of the action has a row for each input and output", async () => {
  const page = await read("action/README.md");
  for (const name of [...inputs, ...namesBelow("outputs")]) assert.ok(page.includes(`| \`${name}\` |`), name);
});
