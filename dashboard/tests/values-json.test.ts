import assert from "node:assert/strict";
import { test } from "node:test";
import { type JsonNode, parseJson, rawField } from "../src/values/json";

function node(text: string): JsonNode {
  const parsed = parseJson(text);
  if (!parsed.ok) assert.fail(`${text}: ${parsed.reason}`);
  return parsed.node;
}

function reason(text: string): string {
  const parsed = parseJson(text);
  if (parsed.ok) assert.fail(`parsed: ${text}`);
  return parsed.reason;
}

test("numbers keep every digit", () => {
  for (const digits of ["12345678901234567890", "1.10", "-0", "1E+400", "0.1000000000000000055"]) {
    assert.deepEqual(node(digits), { kind: "number", digits });
  }
});

test("fields keep their order and their duplicates", () => {
  const parsed = node('{"2":1,"1":2,"2":3,"__proto__":4}');
  assert.equal(parsed.kind, "object");
  if (parsed.kind === "object") assert.deepEqual(parsed.names, ["2", "1", "2", "__proto__"]);
});

test("it accepts what JSON.parse accepts, and only that", () => {
  const good = ['{"a":[true,false,null,{}],"b":""}', " [ ] ", '"\\u00e9\\"\\\\"', '"a\\\\"', "-1.5e-3", "[[],[[]]]"];
  for (const text of good) {
    assert.doesNotThrow(() => JSON.parse(text));
    assert.equal(parseJson(text).ok, true, text);
  }
  const bad = [
    "",
    "{",
    "[1,]",
    '{"a":1,}',
    "01",
    "1.",
    "-",
    ".5",
    "+1",
    "1e",
    "tru",
    "nul l",
    "'a'",
    '"a',
    '"\n"',
    '"\\x"',
    "1 2",
    "{1:2}",
    '{"a" 1}',
    "[1 2]",
    "NaN",
    "\u00a01",
    '{"a":1}}',
  ];
  for (const text of bad) {
    assert.throws(() => JSON.parse(text), text);
    assert.equal(parseJson(text).ok, false, text);
  }
});

test("deep nesting and many values yield a reason and never overflow", () => {
  assert.equal(parseJson("[".repeat(200) + "]".repeat(200)).ok, true);
  assert.match(reason("[".repeat(1_000_000)), /deeper than 200/);
  assert.match(reason('{"a":'.repeat(300)), /deeper than 200/);
  assert.match(reason(`[${"1,".repeat(200_000)}1]`), /more than 200,000 values/);
});

test("a text of a megabyte is parsed, also one of backslashes", () => {
  const text = JSON.stringify("\\".repeat(1_000_000));
  const parsed = node(text);
  assert.equal(parsed.kind === "string" && parsed.value.length, 1_000_000);
});

test("an error says where it is", () => {
  assert.match(reason('{"a":x}'), /character 6/);
  assert.match(reason('{"a":'), /ends too early/);
});

test("a raw field is found as it is written", () => {
  const text =
    '{"x":{"params":1},"s":"}\\"","params": {"n":1.0, "list":[1,{"a":"]"}]} ,"task":{"result":12345678901234567890,"id":"a"}}';
  assert.equal(rawField(text, "params"), '{"n":1.0, "list":[1,{"a":"]"}]}');
  assert.equal(rawField(text, "params", "n"), "1.0");
  assert.equal(rawField(text, "params", "list"), '[1,{"a":"]"}]');
  assert.equal(rawField(text, "task", "result"), "12345678901234567890");
  assert.equal(rawField(text, "task", "id"), '"a"');
  assert.equal(rawField(text, "s"), '"}\\""');
  assert.equal(rawField(text, "missing"), null);
  assert.equal(rawField(text, "s", "deeper"), null);
  assert.equal(rawField("{}", "a"), null);
  assert.equal(rawField('{"task":null}', "task", "result"), null);
  assert.equal(rawField('{"a\\u0062":true , "c" : null }', "ab"), "true");
  assert.equal(rawField('{"a\\u0062":true , "c" : null }', "c"), "null");
});
