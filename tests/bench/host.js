// One Worker under measurement, with its stores in memory. It adds to the Worker's own paths:
//   /bench/memory            the bytes of wasm memory
//   /bench/empty             the stores forget everything
//   /bench/sweep             a sweep; answers how many tasks it asked for
import { memories } from "./instances.js";
import { empty, fabricate, polls, stores } from "./stores.js";
import worker from "WORKER";

globalThis.fetch = fabricate;
const held = stores();
let bindings;

const handlers = (env, context) => (typeof worker === "function" ? new worker(context, env) : worker);

export default {
  async fetch(request, env, context) {
    bindings ??= { ...env, ...held };
    if (!request.url.includes("/bench/")) return handlers(bindings, context).fetch(request, bindings, context);
    const { pathname } = new URL(request.url);
    if (pathname === "/bench/empty") empty(held);
    if (pathname === "/bench/sweep") {
      const before = polls;
      const event = { cron: "*/2 * * * *", scheduledTime: Date.now(), type: "scheduled", noRetry() {} };
      await handlers(bindings, context).scheduled(event, bindings, context);
      return new Response(String(polls - before));
    }
    return new Response(String(memories.reduce((bytes, memory) => bytes + memory.buffer.byteLength, 0)));
  },
};
