// @ts-check
// The Worker's entry: it takes what the runtime brings, and crosses into wasm once. It decides nothing but what is read
// before that crossing. After a trap it replaces the wasm instance: its memory may be broken.
import * as wasm from "./index.js";

/** The state that the `worker` crate and `io.js` share with this module. */
const state = /** @type {{ criticalError: boolean }} */ (Reflect.get(globalThis, "__worker_init_state"));

/** The largest body that is read before the crossing, bytes: the webhooks of most senders. */
const EARLY_BYTES = 64 * 1024;

/** The most bytes of bodies that are read before their crossing at the same time. */
const EARLY_BYTES_TOTAL = 4 * 1024 * 1024;

/** How long such a body may take, milliseconds. */
const EARLY_MS = 30_000;

/** The most bytes of a piece of any other body. */
const PIECE_BYTES = 256 * 1024;

/** The stated bytes of the bodies that are being read here. */
let early = 0;

/**
 * Calls into wasm.
 * @template T
 * @param {() => T} call
 */
function cross(call) {
  if (state.criticalError) {
    console.error(JSON.stringify({ level: "error", message: "wasm instance replaced after a trap" }));
    wasm.__wbg_reset_state();
    state.criticalError = false;
  }
  try {
    return call();
  } catch (error) {
    state.criticalError ||= error instanceof WebAssembly.RuntimeError;
    throw error;
  }
}

/**
 * The request's method, address and headers as lines; a header's name and value are lines of their own.
 * @param {Request} request
 */
function head(request) {
  let lines = `${request.method}\n${request.url}`;
  for (const [name, value] of request.headers) lines += `\n${name}\n${value}`;
  return lines;
}

/** A body that wasm reads while it arrives. The bytes stay here until the body is whole. */
class Arriving {
  /** What has arrived, in a buffer that doubles: pieces may be of one byte, and many. */
  #buffer = new Uint8Array();
  #bytes = 0;
  #piece = new Uint8Array(PIECE_BYTES);
  /** @type {ReadableStreamBYOBReader} */
  #reader;

  /**
   * @param {ReadableStream<Uint8Array>} stream
   * @param {number} stated the bytes that it should have; Infinity: nobody says
   */
  constructor(stream, stated) {
    this.stated = Number.isNaN(stated) ? Infinity : stated;
    this.#reader = stream.getReader({ mode: "byob" });
  }

  /** Waits for the next piece. Resolves with its bytes; 0 is the end. */
  async more() {
    const { value } = (await this.#reader.read(this.#piece)) ?? {};
    if (value === undefined || value.byteLength === 0) return 0;
    const bytes = this.#bytes + value.byteLength;
    if (bytes > this.#buffer.byteLength) {
      // wasm counts the buffer by the same rule (`http/request_body/incoming.rs`).
      const larger = new Uint8Array(Math.max(bytes, Math.min(2 * this.#buffer.byteLength, this.stated)));
      larger.set(this.#buffer.subarray(0, this.#bytes));
      this.#buffer = larger;
    }
    this.#buffer.set(value, this.#bytes);
    this.#bytes = bytes;
    // The read took the buffer, and gives it back.
    this.#piece = new Uint8Array(value.buffer);
    return value.byteLength;
  }

  /** The whole body. */
  take() {
    return this.#buffer.subarray(0, this.#bytes);
  }

  /** Gives up what has not arrived: the sender is answered without it. */
  cancel() {
    this.#buffer = new Uint8Array();
    this.#reader.cancel().catch(() => {});
  }
}

/** A body that was not read: it broke off (-1) or took too long (-2). */
class Lost {
  /** @param {number} why */
  constructor(why) {
    this.why = why;
  }

  more() {
    return Promise.resolve(this.why);
  }

  take() {
    return new Uint8Array();
  }

  cancel() {}
}

/**
 * Reads a small body of stated length.
 * @param {Request} request
 * @param {number} bytes
 * @returns {Promise<Uint8Array | Lost>}
 */
async function readEarly(request, bytes) {
  early += bytes;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(resolve, EARLY_MS, new Lost(-2));
      request.arrayBuffer().then((read) => resolve(new Uint8Array(read)), reject);
    });
  } catch {
    return new Lost(-1);
  } finally {
    early -= bytes;
    clearTimeout(timer);
  }
}

export default {
  /**
   * @param {Request} request
   * @param {object} env
   * @param {{ waitUntil(work: Promise<unknown>): void }} context
   */
  async fetch(request, env, context) {
    const lines = head(request);
    /** @type {Uint8Array | Lost | Arriving | undefined} */
    let body;
    if (request.body !== null) {
      const bytes = Number(request.headers.get("content-length") ?? Infinity);
      const isEarly = bytes <= EARLY_BYTES && early + bytes <= EARLY_BYTES_TOTAL;
      body = isEarly ? await readEarly(request, bytes) : new Arriving(request.body, bytes);
    }
    return body instanceof Uint8Array
      ? cross(() => wasm.receive(env, context, lines, body))
      : cross(() => wasm.receive(env, context, lines, undefined, body));
  },

  /**
   * @param {{ cron: string, scheduledTime: number }} event
   * @param {object} env
   */
  scheduled({ cron, scheduledTime }, env) {
    return cross(() => wasm.scheduled(env, cron, scheduledTime));
  },

  /**
   * @param {object} batch
   * @param {object} env
   * @param {object} context
   */
  queue(batch, env, context) {
    return cross(() => wasm.queue(batch, env, context));
  },
};
