// Who is signed in. The token is kept in sessionStorage alone: it ends with the tab and is never in an address.
import { computed, signal } from "@preact/signals";
import { ApiError, call, setToken, whenSignedOut } from "./api/client";
import type { Session } from "./api/types";

const STORAGE_KEY = "seedhook.token";

export type SessionState =
  | { state: "starting" }
  | { state: "signed-out"; message: string | null }
  | { state: "signed-in"; session: Session };

export const session = signal<SessionState>({ state: "starting" });

/** Whether the caller may decide something: retry, adopt, abandon, start by hand. */
export const isOperator = computed(
  () => session.value.state === "signed-in" && session.value.session.role === "operator",
);

/** Why actions are disabled, or `null`. */
export const whyReadOnly = computed(() =>
  isOperator.value
    ? null
    : "You are signed in with READ_TOKEN, which can only read. Sign in with OPERATOR_TOKEN to do this.",
);

/** The token of `#token=…`, or `null`. */
export function tokenOfHash(hash: string): string | null {
  const text = hash.replace(/^#/, "");
  if (!text.startsWith("token=")) return null;
  return new URLSearchParams(text).get("token") || null;
}

/** Signs in now, and again when an address with a token is opened in this tab. Call it before the router starts. */
export function startSession() {
  whenSignedOut(error => endSession(describeEnd(error)));
  window.addEventListener("hashchange", () => {
    if (window.location.hash.startsWith("#token=")) void signInAtStart();
  });
  void signInAtStart();
}

/** Signs in with the address' token, the stored one, or Cloudflare Access; otherwise shows the sign-in. */
async function signInAtStart() {
  const given = tokenOfHash(window.location.hash);
  if (given !== null || window.location.hash.startsWith("#token=")) {
    window.history.replaceState(null, "", `${window.location.pathname}#/overview`);
  }
  const token = given ?? sessionStorage.getItem(STORAGE_KEY);
  try {
    await signIn(token);
  } catch (error) {
    // Without a token this was the question whether Cloudflare Access signs in; "no" needs no message.
    const isPlainNo = token === null && error instanceof ApiError && error.problem === "no-token";
    sessionStorage.removeItem(STORAGE_KEY);
    session.value = { state: "signed-out", message: isPlainNo ? null : describeSignInError(error) };
  }
}

/** Signs in with this token, or with `null` by Cloudflare Access. Throws `ApiError` where that fails. */
export async function signIn(token: string | null) {
  const answer = await call<Session>("/api/session", { token });
  setToken(token);
  if (token === null) sessionStorage.removeItem(STORAGE_KEY);
  else sessionStorage.setItem(STORAGE_KEY, token);
  session.value = { state: "signed-in", session: answer.data };
}

/** Forgets the token and shows the sign-in with a message. */
export function endSession(message: string | null) {
  sessionStorage.removeItem(STORAGE_KEY);
  setToken(null);
  session.value = { state: "signed-out", message };
}

function describeEnd(error: ApiError): string {
  const state = session.value;
  const isByAccess = state.state === "signed-in" && state.session.signed_in_by === "access";
  return error.problem !== "no-token" || isByAccess
    ? "Your session at Cloudflare Access is over. Reload this page to sign in again."
    : "The token is not valid any more: it was probably replaced. Sign in with the new one.";
}

/** What a failed sign-in means and what to do. */
export function describeSignInError(error: unknown): string {
  if (!(error instanceof ApiError)) return "Signing in failed.";
  switch (error.problem) {
    case "no-token":
      return "This is not the token of this Worker.";
    case "too-many-attempts":
      return `Too many wrong tokens came from your address. Try again in ${error.retryAfter ?? 60} seconds.`;
    case "no-operator":
    case "short-token":
      return "The Worker has no OPERATOR_TOKEN of at least 32 characters. Set one: openssl rand -hex 32 | npx wrangler secret put OPERATOR_TOKEN";
    case "network":
    case "timeout":
      return "The Worker cannot be reached. Check your connection and try again.";
    case "access":
    case "not-signed-in":
      return "Cloudflare Access asks you to sign in: follow the link below, then come back to this page.";
    default:
      return `${error.title}: ${error.message}`;
  }
}
