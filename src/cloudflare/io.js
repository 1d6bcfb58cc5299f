// @ts-check
// Calls of the runtime that wasm makes. Each starts an operation for a slot and reports its outcome once, later: wasm then
// goes on from there, without a closure and a deferred task for each promise. Nothing is decided here.

/** @typedef {(slot: number, isOk: boolean, value: unknown) => void} Report */

/** @type {Report} */
let report = () => {};

/** @param {Report} callback */
export function connect(callback) {
  report = callback;
}

const state = /** @type {{ criticalError: boolean }} */ (Reflect.get(globalThis, "__worker_init_state"));

/**
 * @param {Report} to the instance that asked; another one in its place has its own slots
 * @param {number} slot
 * @param {boolean} isOk
 * @param {unknown} value
 */
function settle(to, slot, isOk, value) {
  if (to !== report) return;
  try {
    report(slot, isOk, value);
  } catch (error) {
    // A trap: `entry.js` replaces the instance.
    state.criticalError ||= error instanceof WebAssembly.RuntimeError;
    throw error;
  }
}

/**
 * Reports what a promise becomes.
 * @param {number} slot
 * @param {Promise<unknown>} promise
 */
export function settled(slot, promise) {
  const to = report;
  promise.then(
    (value) => settle(to, slot, true, value),
    (error) => settle(to, slot, false, error),
  );
}

/**
 * Starts an operation and reports what it becomes, also where it cannot be started.
 * @param {number} slot
 * @param {() => Promise<unknown>} start
 */
export function begin(slot, start) {
  try {
    settled(slot, start());
  } catch (error) {
    settled(slot, Promise.reject(error));
  }
}

/**
 * Reports after a time. Returns the timer.
 * @param {number} slot
 * @param {number} millis
 */
export const sleep = (slot, millis) => setTimeout(settle, millis, report, slot, true);

/** @param {ReturnType<typeof setTimeout>} timer */
export const cancel = (timer) => clearTimeout(timer);

/** A promise with the function that resolves it, for the answer to a request that has to wait. */
export function deferred() {
  /** @type {{ promise?: Promise<unknown>, resolve?: (value: unknown) => void }} */
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}

/**
 * @param {{ promise: Promise<unknown> }} made
 */
export const promise = (made) => made.promise;

/**
 * @param {{ resolve(value: unknown): void }} made
 * @param {unknown} value
 */
export const resolve = (made, value) => made.resolve(value);

/**
 * @param {{ waitUntil(work: Promise<unknown>): void }} context
 * @param {Promise<unknown>} work
 */
export const waitUntil = (context, work) => context.waitUntil(work);

/**
 * @param {string} lines names and values of headers, each a line of its own
 * @returns {Record<string, string>}
 */
export function headers(lines) {
  /** @type {Record<string, string>} */
  const made = {};
  const parts = lines.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) made[parts[at]] = parts[at + 1];
  return made;
}

/**
 * An answer. `head` has the names and values of its headers as lines of their own.
 * @param {number} status
 * @param {string} head
 * @param {string | ReadableStream | undefined} body
 */
export function response(status, head, body) {
  return new Response(body, { status, headers: headers(head) });
}
