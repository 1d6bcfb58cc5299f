// The built Worker as it is, and a path that tells how large its memory has become: it never shrinks.
import { memories } from "./instances.js";
import worker from "BUILT";

export default {
  ...worker,
  fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/bench/memory") return worker.fetch(request, env, context);
    return new Response(String(memories.reduce((bytes, memory) => bytes + memory.buffer.byteLength, 0)));
  },
};
