// The built Worker as it is, and a path that tells how large its memory has become: it never shrinks.
import { memories } from "./instances.js";
import Worker from "BUILT";

export default class extends Worker {
  fetch(request) {
    if (new URL(request.url).pathname !== "/bench/memory") return super.fetch(request);
    return new Response(String(memories.reduce((bytes, memory) => bytes + memory.buffer.byteLength, 0)));
  }
}
