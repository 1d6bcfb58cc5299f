// What `entry.js` imports of the bindings that wasm-bindgen writes: the exports of `src/cloudflare.rs`, for `tsc` alone.

/** What a body is read from while it arrives. */
interface Body {
  more(): Promise<number>;
  take(): Uint8Array;
  cancel(): void;
}

/** Answers a request. Its body is whole, or arrives while it is read; without either it has none. */
export function receive(
  env: object,
  context: object,
  head: string,
  whole?: Uint8Array,
  arriving?: Body,
): Response | Promise<Response>;

/** Runs a sweep. */
export function scheduled(env: object, cron: string, scheduledTime: number): Promise<void>;

/** Advances the runs of a batch from the queue. */
export function queue(batch: object, env: object, context: object): Promise<void>;

/** Replaces the wasm instance. */
export function __wbg_reset_state(): void;
