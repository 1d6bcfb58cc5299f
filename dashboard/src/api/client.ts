// The only place that calls the API: adds the token, reads problems, bounds the time of each call.
// It does not know pages and stores nothing.
import type { Problem } from "./types";

/** A call without `Prefer: wait` ends after this time. */
const TIMEOUT_MS = 30_000;
/** Reading a file ends after this time: 8 MiB by a slow line. */
const FILE_TIMEOUT_MS = 5 * 60_000;
const PROBLEM_PREFIX = "urn:seedhook:problem:";
/** The problems after which nothing works until somebody signs in again. */
const SIGNED_OUT: ReadonlySet<string> = new Set(["no-token", "not-signed-in", "access"]);

/** What went wrong with a call. `status` is 0 where no answer came. */
export class ApiError extends Error {
  readonly status: number;
  /** The name of the problem, for example `no-such-run`; `network`, `timeout` or `access` are the client's own. */
  readonly problem: string;
  readonly title: string;
  /** Seconds, from `Retry-After`. */
  readonly retryAfter: number | null;
  readonly body: Problem | null;

  constructor(
    status: number,
    problem: string,
    title: string,
    detail: string,
    retryAfter: number | null = null,
    body: Problem | null = null,
  ) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.problem = problem;
    this.title = title;
    this.retryAfter = retryAfter;
    this.body = body;
  }
}

export interface CallOptions {
  method?: "GET" | "POST";
  /** Sent as it is. A POST without a body sends `{}`, because a call without a token must be JSON. */
  body?: string | Blob;
  contentType?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Sent as `If-None-Match`. */
  etag?: string | null;
  /** Sent as `Prefer: wait=N`, at most 25. */
  waitSeconds?: number;
  /** For sign-in: this token instead of the session's; `null` sends none. */
  token?: string | null;
}

export interface Answer<T> {
  status: number;
  data: T;
  /** The JSON as it came: numbers with every digit. */
  text: string;
  etag: string | null;
}

let sessionToken: string | null = null;
let onSignedOut: (error: ApiError) => void = () => {};

/** Sets the token of all later calls; `null` where Cloudflare Access signs in. */
export function setToken(token: string | null) {
  sessionToken = token;
}

/** Calls `listener` when an answer says that the session is over. */
export function whenSignedOut(listener: (error: ApiError) => void) {
  onSignedOut = listener;
}

/** Calls the API. Throws `ApiError` for every answer that is not 2xx, and an `AbortError` where `signal` aborts. */
export async function call<T>(path: string, options: CallOptions = {}): Promise<Answer<T>> {
  const response = await send(path, options);
  const text = await readText(response);
  if (!response.ok) throw signalSignOut(toError(response, text), options);
  return { status: response.status, data: parse<T>(text), text, etag: response.headers.get("etag") };
}

/** Like `call`, or `null` where the answer is 304: nothing has changed since `etag`. */
export async function callIfChanged<T>(path: string, options: CallOptions): Promise<Answer<T> | null> {
  const response = await send(path, options);
  if (response.status === 304) return null;
  const text = await readText(response);
  if (!response.ok) throw signalSignOut(toError(response, text), options);
  return { status: response.status, data: parse<T>(text), text, etag: response.headers.get("etag") };
}

/** Reads bytes (a file). Throws like `call`. */
export async function callBlob(path: string, options: CallOptions = {}): Promise<{ blob: Blob; response: Response }> {
  const response = await send(path, options, FILE_TIMEOUT_MS);
  if (!response.ok) throw signalSignOut(toError(response, await readText(response)), options);
  try {
    return { blob: await response.blob(), response };
  } catch (error) {
    throw fromFailure(error);
  }
}

/** Whether an error only says that the caller itself aborted. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** An address below `/api/` with its query; empty and absent values are left out. */
export function withQuery(path: string, query: Record<string, string | number | null | undefined>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

async function send(path: string, options: CallOptions, timeoutMs = TIMEOUT_MS): Promise<Response> {
  const method = options.method ?? "GET";
  const headers = new Headers(options.headers);
  const token = options.token === undefined ? sessionToken : options.token;
  if (token) headers.set("authorization", `Bearer ${token}`);
  if (options.etag) headers.set("if-none-match", options.etag);
  if (options.waitSeconds) headers.set("prefer", `wait=${Math.min(25, options.waitSeconds)}`);
  if (method === "POST") headers.set("content-type", options.contentType ?? "application/json");
  const signal = withLimit(options.signal, timeoutMs + (options.waitSeconds ?? 0) * 1000);
  const init: RequestInit = { method, headers, signal, redirect: "manual", cache: "no-store" };
  if (method === "POST") init.body = options.body ?? "{}";
  try {
    const response = await fetch(path, init);
    if (response.type === "opaqueredirect") {
      throw signalSignOut(
        new ApiError(
          401,
          "access",
          "Signed out",
          "Cloudflare Access asks you to sign in: open /api/session, then come back to this page",
        ),
        options,
      );
    }
    return response;
  } catch (error) {
    throw fromFailure(error);
  }
}

/** Aborts with `signal`, and after `ms`. `AbortSignal.any` is too new for the browsers that we build for. */
function withLimit(signal: AbortSignal | undefined, ms: number): AbortSignal {
  const limit = AbortSignal.timeout(ms);
  if (!signal) return limit;
  const either = new AbortController();
  for (const source of [signal, limit]) {
    const abort = () => either.abort(source.reason);
    if (source.aborted) abort();
    else source.addEventListener("abort", abort, { signal: either.signal });
  }
  return either.signal;
}

async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw fromFailure(error);
  }
}

function fromFailure(error: unknown): unknown {
  if (error instanceof ApiError || isAbort(error)) return error;
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new ApiError(0, "timeout", "No answer in time", "the Worker did not answer in time");
  }
  return new ApiError(0, "network", "No connection", "the Worker cannot be reached");
}

function signalSignOut(error: ApiError, options: CallOptions): ApiError {
  const isOver = SIGNED_OUT.has(error.problem);
  if (isOver && options.token === undefined) onSignedOut(error);
  return error;
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(0, "not-json", "An answer that is not JSON", "something else than seedhook answered this call");
  }
}

function toError(response: Response, text: string): ApiError {
  const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const retryAfter = Number.isFinite(seconds) ? seconds : null;
  let body: Problem | null = null;
  try {
    const value = JSON.parse(text);
    if (typeof value?.type === "string") body = value as Problem;
  } catch {
    // A proxy's own page: the status says enough.
  }
  if (!body) {
    return new ApiError(response.status, "unknown", "An unexpected answer", `status ${response.status}`, retryAfter);
  }
  const name = body.type.startsWith(PROBLEM_PREFIX) ? body.type.slice(PROBLEM_PREFIX.length) : "unknown";
  return new ApiError(response.status, name, body.title, body.detail ?? body.title, retryAfter, body);
}
