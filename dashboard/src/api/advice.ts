// What to do about each problem of the API. The names are those of docs/api.md#problems.
import type { ProblemName } from "./types";

/** Of signed links and of headers that this page does not send. */
type NotSeen = "bad-link" | "link-expired" | "precondition-failed" | "range-not-satisfiable";
/** Problems that `client.ts` finds itself. */
type ClientProblem = "network" | "timeout" | "access" | "not-json";

const ADVICE: Record<Exclude<ProblemName, NotSeen> | ClientProblem, string> = {
  "bad-query": "A filter has a value that the API does not take. Remove the filter.",
  "bad-body": "The call was not understood. Reload the page: the Worker may have been updated.",
  "malformed-body":
    "The body is not what its content type says. Check the sender's format, or set content_type in the hook.",
  "unreadable-body": "The connection ended before the body was complete. Let the sender send it again.",
  "bad-handshake": "Compare the hook's handshake and verify_token with the sender's settings.",
  "no-token": "Sign in again.",
  "not-signed-in": "Reload this page to sign in at Cloudflare Access.",
  "cross-site": "Open the dashboard at its own address, not inside another page, and try again.",
  "not-verified":
    "The signature does not match. Compare the hook's secret with the sender's, and check that nothing between them changes the body. If the time is too old, check the sender's clock.",
  "read-only": "Sign in with OPERATOR_TOKEN.",
  "no-such-page": "Check the address that the sender calls.",
  "no-such-hook": "No hook has this name. Compare the address at the sender with the one on the Hooks page.",
  "no-such-run": "The run has expired: KV keeps a final run for 35 days.",
  "no-such-file": "The file is not archived, or it was removed from the bucket.",
  "no-such-delivery": "The delivery has expired or was run before.",
  "wrong-method": "The sender must send POST. Check the method in its settings.",
  "body-timeout": "The body arrived too slowly. Let the sender send it again.",
  "wrong-state": "The run has changed in the meantime. Reload it to see its state.",
  "not-configured": "No rule of the hook runs this workflow any more. Mend the configuration and deploy it.",
  "no-delivery": "The stored delivery has expired, so it cannot be mapped again.",
  "too-large": "Raise max_body_bytes of the hook (at most 4 MiB), or let the sender send less.",
  "complex-body": "The body has too many levels, values, form fields or parts. Let the sender send less.",
  "too-many-runs": "More than 500 items or runs in one delivery. Let the sender send smaller batches.",
  "unsupported-type": "The content type is not read. State the real type as content_type in the hook.",
  "unsupported-encoding": "Compressed bodies are not accepted. Turn compression off at the sender.",
  "too-often": "The hook's rate limit is used up. Raise it, or let the sender send less often.",
  "too-many-attempts": "Too many wrong tokens came from your address. Wait a minute.",
  "not-ready":
    "A store, a binding, a secret or the hook's configuration is not usable. The Hooks page and the Worker's log say what.",
  busy: "The Worker is receiving too many bytes. A sender that repeats its deliveries loses nothing.",
  paused: "The hook is paused. Remove paused from its configuration when you want to receive again.",
  "no-operator": "Set the token: openssl rand -hex 32 | npx wrangler secret put OPERATOR_TOKEN",
  "short-token": "Set a token of at least 32 characters: openssl rand -hex 32 | npx wrangler secret put OPERATOR_TOKEN",
  "no-links": "Set LINK_SECRET: npx wrangler secret put LINK_SECRET",
  network: "Check your connection, then try again.",
  timeout: "Try again in a moment.",
  access: "Reload this page to sign in at Cloudflare Access.",
  "not-json": "Check that this address belongs to seedhook and that no proxy answers for it.",
};

const BY_NAME: ReadonlyMap<string, string> = new Map(Object.entries(ADVICE));

/** What to do about a problem, or `null` where there is no general advice. */
export function adviceFor(problem: string | null): string | null {
  return problem === null ? null : (BY_NAME.get(problem) ?? null);
}

/** What to do about a delivery that was refused or ignored. */
export function adviceForDelivery(outcome: "refused" | "ignored", problem: string | null, isKept: boolean): string {
  if (outcome === "ignored") {
    return isKept
      ? "No rule's condition held. Mend the condition, then run the kept delivery."
      : "No rule's condition held. Try the payload in the hook's playground, or set keep_ignored to keep such deliveries.";
  }
  return adviceFor(problem) ?? "See the reason. The sender's log may say more.";
}
