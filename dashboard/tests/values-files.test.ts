import assert from "node:assert/strict";
import { test } from "node:test";
import { base64Bytes, decodeBase64Start, decodeText, hexDump, imageType, isPdf } from "../src/values/bytes";
import { parseCsv } from "../src/values/csv";
import { bodyKind, parseForm } from "../src/values/form";
import { plainName, quote, saveName, visible } from "../src/values/text";

const ascii = (text: string) => new TextEncoder().encode(text);

test("CSV is read as RFC 4180 says", () => {
  const { rows } = parseCsv('a,b,c\r\n"x, y","say ""hi""","two\r\nlines"\r\n,,\r\n');
  assert.deepEqual(rows, [
    ["a", "b", "c"],
    ["x, y", 'say "hi"', "two\r\nlines"],
    ["", "", ""],
  ]);
  assert.deepEqual(parseCsv("a\nb\rc").rows, [["a"], ["b"], ["c"]]);
  assert.deepEqual(parseCsv('a,"open').rows, [["a", "open"]]);
  assert.deepEqual(parseCsv('"a"x,b').rows, [["ax", "b"]]);
  assert.deepEqual(parseCsv("").rows, []);
  assert.deepEqual(parseCsv("a,").rows, [["a", ""]]);
});

test("the delimiter is found in the first line, outside quotes", () => {
  assert.equal(parseCsv("a;b;c\n1,5;2;3").delimiter, ";");
  assert.equal(parseCsv("a\tb\n1\t2").delimiter, "\t");
  assert.equal(parseCsv('"a;b;c;d",e').delimiter, ",");
  assert.equal(parseCsv("alone").delimiter, ",");
  assert.deepEqual(parseCsv("\ufeffa;b").rows, [["a", "b"]]);
});

test("CSV is bounded in rows and columns", () => {
  const csv = parseCsv(`${"x,".repeat(60)}x\n`.repeat(300));
  assert.equal(csv.rows.length, 200);
  assert.equal(csv.rows[0]?.length, 50);
  assert.equal(csv.hasMoreRows, true);
  assert.equal(csv.hasMoreColumns, true);
  const exact = parseCsv("x\n".repeat(200));
  assert.deepEqual([exact.rows.length, exact.hasMoreRows], [200, false]);
});

test("the last row of a text that was cut is left out", () => {
  const csv = parseCsv("a,b\n1,2\n3,4567", true);
  assert.deepEqual(csv.rows, [
    ["a", "b"],
    ["1", "2"],
  ]);
  assert.equal(csv.hasMoreRows, true);
  assert.deepEqual(parseCsv("one,row", true).rows, [["one", "row"]]);
});

test("images are known by their bytes; SVG and HTML never are", () => {
  assert.equal(imageType(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)), "image/png");
  assert.equal(imageType(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)), "image/jpeg");
  assert.equal(imageType(ascii("GIF89a....")), "image/gif");
  assert.equal(imageType(ascii("RIFF....WEBPVP8 ")), "image/webp");
  assert.equal(imageType(ascii("\0\0\0 ftypavif")), "image/avif");
  assert.equal(imageType(ascii("RIFF....WAVE")), null);
  for (const text of [
    "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "<?xml version='1.0'?><svg/>",
    "<html>",
    "",
    "GIF",
  ]) {
    assert.equal(imageType(ascii(text)), null);
  }
  assert.equal(isPdf(ascii("%PDF-1.7")), true);
  assert.equal(isPdf(ascii("x%PDF-")), false);
});

test("bytes that are not UTF-8, or have a NUL, are not text", () => {
  assert.equal(decodeText(ascii("héllo")), "héllo");
  assert.equal(decodeText(Uint8Array.of(0xc3)), null);
  assert.equal(decodeText(Uint8Array.of(0x61, 0xc3), true), "a");
  assert.equal(decodeText(Uint8Array.of(0xff, 0xfe)), null);
  assert.equal(decodeText(Uint8Array.of(0x61, 0)), null);
});

test("a hex dump has offset, bytes and ASCII, and ends at 4 KiB", () => {
  assert.equal(hexDump(ascii("hi\n")), `000000  68 69 0a${" ".repeat(39)}  hi.`);
  const lines = hexDump(new Uint8Array(10_000)).split("\n");
  assert.equal(lines.length, 256);
  assert.match(lines[255] ?? "", /^000ff0 {2}00 /);
});

test("base64 is decoded as far as it is shown", () => {
  assert.deepEqual(decodeBase64Start("aGk="), ascii("hi"));
  assert.equal(decodeBase64Start("*"), null);
  const long = Buffer.alloc(100_000, 7).toString("base64");
  assert.equal(decodeBase64Start(long)?.length, 4098);
  for (const size of [0, 1, 2, 3, 100_000]) assert.equal(base64Bytes(Buffer.alloc(size).toString("base64")), size);
});

test("a form keeps order and duplicates, and is bounded", () => {
  assert.deepEqual(parseForm("a=1&b=%C3%A9+x&a=2").fields, [
    ["a", "1"],
    ["b", "é x"],
    ["a", "2"],
  ]);
  const many = parseForm("a=1&".repeat(500));
  assert.deepEqual([many.fields.length, many.hasMore], [200, true]);
});

test("a body is shown by its content type", () => {
  assert.equal(bodyKind("application/json; charset=utf-8", "x"), "json");
  assert.equal(bodyKind("application/cloudevents+json", "{}"), "json");
  assert.equal(bodyKind("Application/X-WWW-Form-Urlencoded", "a=1"), "form");
  assert.equal(bodyKind(undefined, ' {"a":1}'), "json");
  assert.equal(bodyKind(null, "hello"), "text");
  assert.equal(bodyKind("text/html", "{}"), "text");
  assert.equal(bodyKind("application/jsonlines", "{}"), "text");
});

test("characters that reorder text become visible", () => {
  assert.equal(plainName("../../x\u202Egpj.exe"), "../../x⟨202E⟩gpj.exe");
  assert.equal(plainName("a\nb\0c\u061cd"), "a⟨000A⟩b⟨0000⟩c⟨061C⟩d");
  assert.equal(plainName("نص عربي 日本 é 👩‍👧.csv"), "نص عربي 日本 é 👩‍👧.csv");
  assert.equal(quote('a"\u202e\n\u007f'), '"a\\"\\u202e\\n\\u007f"');
});

test("a file is saved under a name without folders", () => {
  assert.equal(saveName("../../x\u202Egpj.exe"), "xgpj.exe");
  assert.equal(saveName("..\\..\\.bashrc"), "bashrc");
  assert.equal(saveName("a/"), "file");
  assert.equal(saveName('q:"<r>|?*.csv'), "q___r____.csv");
  assert.equal(saveName(`${"a".repeat(500)}.csv`).length, 200);
  assert.match(saveName(`${"a".repeat(500)}.csv`), /\.csv$/);
});

test("text keeps its line breaks, and what would reorder it is written out", () => {
  assert.equal(visible("a\n\u2067b\u202ec\u061c"), "a\n⟨2067⟩b⟨202E⟩c⟨061C⟩");
  assert.equal(visible("שלום"), "שלום");
});
