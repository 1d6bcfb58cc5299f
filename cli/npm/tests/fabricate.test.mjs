// `serveFabricate` in front of a fake wasm module, over real HTTP.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { serveFabricate } from "../fabricate.mjs";

const MIB = 1 << 20;

/** Answers every request with what the test says, and keeps what it was asked. */
class FakeFabricate {
  asked = [];
  freed = 0;
  answer = {};

  get module() {
    const fake = this;
    return {
      LocalFabricate: class {
        constructor(...setup) {
          fake.setup = setup;
        }

        async handle(asked) {
          fake.asked.push(asked);
          if (fake.answer instanceof Error) {
            throw fake.answer;
          }
          const { chunks = [], ...answer } = fake.answer;
          const next = async () => chunks.shift()?.();
          const free = () => fake.freed++;
          return { status: 200, hangUp: false, headers: [], note: "", next, free, ...answer };
        }
      },
    };
  }
}

/** Serves a fake for the time of a test. */
async function serve(t, answer, onLine) {
  const fake = new FakeFabricate();
  fake.answer = answer;
  const { url, close } = await serveFabricate(fake.module, { port: 0, key: "k", taskMs: 7, onLine });
  t.after(close);
  return { fake, url, close };
}

const bytes = count => () => new Uint8Array(count);
const never = () => new Promise(() => {});
const broken = () => {
  throw new Error("cut short");
};

test("a request and its answer go through as they are", async t => {
  const lines = [];
  const answer = { status: 202, headers: ["x-name", "caf\u00e9"], note: "a line", chunks: [bytes(2), bytes(3)] };
  const { fake, url } = await serve(t, answer, line => lines.push(line));
  const response = await fetch(`${url}/a?b`, { method: "POST", headers: { "x-asked": "yes" }, body: "body" });
  assert.equal((await response.arrayBuffer()).byteLength, 5);
  assert.deepEqual([response.status, response.headers.get("x-name"), lines], [202, "caf\u00e9", ["a line"]]);
  const [asked] = fake.asked;
  assert.deepEqual([asked.origin, asked.method, asked.url], ["api", "POST", "/a?b"]);
  assert.equal(Buffer.from(asked.body).toString(), "body");
  assert.equal(asked.headers[asked.headers.indexOf("x-asked") + 1], "yes");
  assert.equal(fake.freed, 1);
});

test("the storage has an origin of its own", async t => {
  const { fake, url } = await serve(t, {});
  const [key, taskMs, storageUrl] = fake.setup;
  assert.deepEqual([key, taskMs], ["k", 7]);
  assert.notEqual(storageUrl, url);
  await fetch(storageUrl);
  assert.equal(fake.asked[0].origin, "storage");
});

test("of a body that is too large, one byte more than is allowed is read", async t => {
  const { fake, url } = await serve(t, { status: 413 });
  for (const [sent, read] of [
    [MIB, MIB],
    [MIB + 1, MIB + 1],
    [3 * MIB, MIB + 1],
  ]) {
    await fetch(url, { method: "POST", body: Buffer.alloc(sent) }).catch(() => {});
    assert.equal(fake.asked.at(-1).body.length, read, `${sent} bytes`);
  }
});

test("a hang-up closes the connection without an answer", async t => {
  const { url } = await serve(t, { hangUp: true });
  await assert.rejects(fetch(url), { message: "fetch failed" });
});

test("a body that breaks off arrives up to there", async t => {
  const { url } = await serve(t, { headers: ["content-length", "9"], chunks: [bytes(4), broken] });
  const [response] = await once(request(url).end(), "response");
  let received = 0;
  response.on("data", chunk => {
    received += chunk.length;
  });
  await assert.rejects(once(response, "end"), { code: "ECONNRESET" });
  assert.equal(received, 4);
});

test("a client that is gone is reported", async t => {
  const { fake, url } = await serve(t, { chunks: [bytes(1), never] });
  const abort = new AbortController();
  const response = await fetch(url, { signal: abort.signal });
  abort.abort();
  await assert.rejects(response.arrayBuffer());
  await fake.asked[0].gone;
});

test("no more is asked for than the client takes", async t => {
  let made = 0;
  const chunk = () => {
    made += MIB;
    return new Uint8Array(MIB);
  };
  const { fake, url } = await serve(t, { chunks: Array(200).fill(chunk) });
  const [response] = await once(request(url).end(), "response");
  response.pause();
  // The buffers of the two sockets are full when nothing more is made.
  let before = -1;
  while (before !== made) {
    before = made;
    await setTimeout(100);
  }
  assert.ok(made < 100 * MIB, `${made} bytes`);
  response.destroy();
  while (fake.freed === 0) {
    await setTimeout(1);
  }
  assert.ok(made <= before + MIB, `${made - before} bytes after the client was gone`);
});

test("an error becomes a 500", async t => {
  const { url } = await serve(t, new Error("out of order"));
  const response = await fetch(url);
  assert.deepEqual(
    [response.status, await response.json()],
    [500, { error: "the local Fabricate failed: out of order" }],
  );
});

test("to close ends all connections", async t => {
  const { fake, url, close } = await serve(t, { chunks: [bytes(1), never] });
  const response = await fetch(url);
  await close();
  await fake.asked[0].gone;
  await assert.rejects(response.arrayBuffer());
  await assert.rejects(fetch(url), { message: "fetch failed" });
});

test("a port that is taken is an error, and nothing stays open", async t => {
  const { fake, url } = await serve(t, {});
  const options = { port: Number(new URL(url).port), key: "k" };
  await assert.rejects(serveFabricate(fake.module, options), { code: "EADDRINUSE" });
  await assert.rejects(fetch(fake.setup[2]), { message: "fetch failed" });
});
