// What seedhook is measured against: the shortest Worker that visibly does the same. It verifies Standard Webhooks,
// filters, claims a delivery, shows its run, answers, starts the workflow and shows that; and it polls runs. It has no
// journal, no bounds and no problem details.
const encoder = new TextEncoder();
let key;

function importKey(secret) {
  const bytes = Uint8Array.from(atob(secret.slice("whsec_".length)), (byte) => byte.charCodeAt(0));
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

async function isGenuine(request, body, env) {
  const id = request.headers.get("webhook-id");
  const timestamp = request.headers.get("webhook-timestamp");
  const signature = request.headers.get("webhook-signature");
  if (id === null || signature === null || Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false;
  const head = encoder.encode(`${id}.${timestamp}.`);
  const message = new Uint8Array(head.length + body.byteLength);
  message.set(head);
  message.set(new Uint8Array(body), head.length);
  const mac = Uint8Array.from(atob(signature.slice(3)), (byte) => byte.charCodeAt(0));
  key ??= await importKey(env.BENCH_SECRET);
  return crypto.subtle.verify("HMAC", key, mac, message);
}

const problem = (status, title) =>
  Response.json({ type: "about:blank", status, title }, { status, headers: { "cache-control": "no-store" } });

async function start(env, run, params) {
  const answer = await fetch(`${env.FABRICATE_URL}/api/v1/workspaces/acme/databases/demo/workflows/seed/run`, {
    method: "POST",
    headers: { authorization: `Bearer ${env.FABRICATE_API_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(params),
  });
  const task = await answer.json();
  const started = { ...run, status: "in_progress", task: task.task_id };
  await env.RUNS.put(`open/${run.run_id}`, JSON.stringify(started), { metadata: { status: "in_progress", task: task.task_id } });
}

async function receive(request, env, context) {
  const body = await request.arrayBuffer();
  if (!(await isGenuine(request, body, env))) return problem(401, "not verified");
  const event = JSON.parse(new TextDecoder().decode(body));
  const json = (status, value) => Response.json(value, { status, headers: { "cache-control": "no-store" } });
  if (!(event.type === "deal.won" && event.data.amount >= 1000)) {
    console.log(JSON.stringify({ level: "info", message: "delivery ignored", hook: "bench" }));
    return json(200, { status: "ignored", runs: [] });
  }
  const id = request.headers.get("webhook-id");
  const params = { startDate: event.data.closed_at.slice(0, 10), rows: event.data.seats * 10, label: `Demo for ${event.data.account.name}` };
  const run = { run_id: crypto.randomUUID(), hook: "bench", delivery_id: id, status: "queued", params, received_at: new Date().toISOString() };
  const claim = { run, delivery: { headers: [...request.headers], body: new TextDecoder().decode(body) } };
  const put = await env.INBOX.put(`deliveries/bench/${id}`, JSON.stringify(claim), { onlyIf: { etagDoesNotMatch: "*" } });
  if (put === null) {
    const stored = await env.INBOX.get(`deliveries/bench/${id}`);
    const { run } = JSON.parse(await stored.text());
    console.log(JSON.stringify({ level: "info", message: "delivery duplicate", hook: "bench", runs: [run.run_id] }));
    return json(200, { status: "duplicate", runs: [{ run_id: run.run_id, status: run.status }] });
  }
  await env.RUNS.put(`open/${run.run_id}`, JSON.stringify(run), { metadata: { status: "queued" } });
  console.log(JSON.stringify({ level: "info", message: "delivery accepted", hook: "bench", runs: [run.run_id] }));
  context.waitUntil(start(env, run, params));
  return json(202, { status: "accepted", runs: [{ run_id: run.run_id, status: "queued" }] });
}

async function poll(env, task) {
  const answer = await fetch(`${env.FABRICATE_URL}/api/v1/workflow_tasks/${task}`, {
    headers: { authorization: `Bearer ${env.FABRICATE_API_KEY}` },
  });
  return (await answer.json()).status;
}

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    return pathname === "/hooks/bench" ? receive(request, env, context) : problem(404, "not found");
  },

  async scheduled(_event, env) {
    const { keys } = await env.RUNS.list({ prefix: "open/" });
    // Six at a time: a Worker has no more connections.
    const next = keys.values();
    const follow = async () => {
      for (const { metadata } of next) await poll(env, metadata.task);
    };
    await Promise.all(Array.from({ length: 6 }, follow));
  },
};
