// @ts-check
// A Worker that passes the end of a run on to the person who typed the command: it takes seedhook's notification and
// posts the files to the command's `response_url`. Deploy it beside seedhook: `npx wrangler deploy relay.mjs --name slack-relay`.

/** How old a message may be, seconds. */
const TOLERANCE_S = 300;

export default {
  /**
   * @param {Request} request
   * @param {{SLACK_RELAY_SECRET: string}} env
   */
  async fetch(request, env) {
    if (request.method !== "POST") return new Response(null, { status: 405 });
    const body = await request.text();
    if (!(await isGenuine(request.headers, body, env.SLACK_RELAY_SECRET))) return new Response(null, { status: 401 });
    const { type, data } = JSON.parse(body);
    // The hook's `delivery_id` is the command's `response_url`. Nothing else may be called.
    const target = `${data.delivery_id}`;
    if (!type.startsWith("run.") || !target.startsWith("https://hooks.slack.com/"))
      return new Response(null, { status: 204 });
    const posted = await fetch(target, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ response_type: "ephemeral", text: textOf(data) }),
    });
    // 404: the 30 minutes are over, and no later attempt succeeds. Anything else is tried again by seedhook.
    return new Response(null, { status: posted.ok || posted.status === 404 ? 204 : 502 });
  },
};

/**
 * The message, in Slack's own markup.
 * @param {{status: string, run_id: string, files?: {name: string, url: string | null}[]}} run
 */
function textOf({ status, run_id, files = [] }) {
  if (status !== "completed") return `The run ${run_id} is ${status}. The dashboard shows why.`;
  const escaped = (/** @type {string} */ text) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const lines = files.filter(file => file.url).map(file => `• <${file.url}|${escaped(file.name)}>`);
  return ["Your data is ready.", ...lines].join("\n");
}

/**
 * Whether seedhook signed the message (Standard Webhooks, HMAC-SHA256).
 * @param {Headers} headers
 * @param {string} body
 * @param {string} secret
 */
async function isGenuine(headers, body, secret) {
  const [id, timestamp] = [headers.get("webhook-id"), headers.get("webhook-timestamp")];
  if (!(Math.abs(Date.now() / 1_000 - Number(timestamp)) <= TOLERANCE_S)) return false;
  const bytes = (/** @type {string} */ base64) => Uint8Array.from(atob(base64), character => character.charCodeAt(0));
  const key = bytes(secret.replace("whsec_", ""));
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signatures = (headers.get("webhook-signature") ?? "").split(" ").filter(item => item.startsWith("v1,"));
  for (const signature of signatures) {
    try {
      if (await crypto.subtle.verify("HMAC", hmac, bytes(signature.slice("v1,".length)), signed)) return true;
    } catch {
      // It is not base64.
    }
  }
  return false;
}
