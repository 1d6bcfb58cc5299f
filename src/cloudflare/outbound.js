// @ts-check
// Requests that the Worker sends. It reads small answers whole, so that they cross into wasm once. Nothing is decided here.
import { begin, headers } from "./io.js";

/** An answer: its head, the beginning of its body, and the rest where there is one. */
class Answer {
  /** @type {ReadableStreamDefaultReader<Uint8Array> | undefined} */
  #rest;
  #abort;

  /**
   * @param {string} head
   * @param {Uint8Array} body
   * @param {AbortController} abort
   * @param {ReadableStreamDefaultReader<Uint8Array>} [rest]
   */
  constructor(head, body, abort, rest) {
    this.head = head;
    this.body = body;
    this.isWhole = rest === undefined;
    this.#abort = abort;
    this.#rest = rest;
  }

  /**
   * Reports the next piece of the rest; undefined is the end.
   * @param {number} slot
   */
  more(slot) {
    begin(slot, async () => (await this.#rest?.read())?.value);
  }

  /** Ends the connection of an answer that is not read to its end. */
  cancel() {
    this.#abort.abort();
  }
}

/**
 * Reads a body until more than `bytes` have come, or it ends.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {number} bytes
 * @returns {Promise<{ body: Uint8Array, rest?: ReadableStreamDefaultReader<Uint8Array> }>}
 */
async function readBeginning(stream, bytes) {
  const reader = stream.getReader();
  // It doubles: pieces may be of one byte, and many.
  let buffer = new Uint8Array();
  let length = 0;
  let isEnd = false;
  while (!isEnd && length <= bytes) {
    const { value, done } = await reader.read();
    isEnd = done;
    if (value === undefined) continue;
    if (length + value.byteLength > buffer.byteLength) {
      const larger = new Uint8Array(Math.max(length + value.byteLength, 2 * buffer.byteLength));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(value, length);
    length += value.byteLength;
  }
  return { body: buffer.subarray(0, length), rest: isEnd ? undefined : reader };
}

/**
 * Reports an answer with its body up to `bytes`. Its head is the status, the content type and when to try again, in lines.
 * It fails when they do not come within `limitMs` milliseconds.
 * @param {number} slot
 * @param {string} method
 * @param {string} url
 * @param {string} head names and values of the headers, each a line of its own
 * @param {string | undefined} body
 * @param {number} limitMs
 * @param {number} bytes 0: the body is not read, and the connection ends
 */
export function ask(slot, method, url, head, body, limitMs, bytes) {
  begin(slot, async () => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(`no answer within ${limitMs / 1000} s`), limitMs);
    try {
      const { signal } = abort;
      const answer = await fetch(url, { method, headers: headers(head), body, redirect: "manual", signal });
      const header = (/** @type {string} */ name) => answer.headers.get(name) ?? "";
      const answered = `${answer.status}\n${header("content-type")}\n${header("retry-after")}`;
      if (bytes === 0) abort.abort();
      if (answer.body === null || bytes === 0) return new Answer(answered, new Uint8Array(), abort);
      // The length of a compressed body says nothing of what comes out.
      const length = answer.headers.has("content-encoding") ? null : answer.headers.get("content-length");
      if (length !== null && Number(length) <= bytes) {
        return new Answer(answered, new Uint8Array(await answer.arrayBuffer()), abort);
      }
      const beginning = await readBeginning(answer.body, bytes);
      return new Answer(answered, beginning.body, abort, beginning.rest);
    } catch (error) {
      abort.abort();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  });
}
