// The shortest Worker that copies a file to R2, one for each of seedhook's lanes: what seedhook is measured against.
const PART_BYTES = 8 << 20;

async function copy(lane, key, size, body, files) {
  if (lane === "whole") return files.put(key, body);
  if (lane === "counted") {
    const { readable, writable } = new FixedLengthStream(size);
    return Promise.all([files.put(key, readable), body.pipeTo(writable)]);
  }
  const upload = await files.createMultipartUpload(key);
  const reader = body.getReader({ mode: "byob" });
  const parts = [];
  for (let done = false; !done; ) {
    const read = await reader.readAtLeast(PART_BYTES, new Uint8Array(PART_BYTES));
    done = read.done || read.value.byteLength < PART_BYTES;
    if (read.value?.byteLength) parts.push(await upload.uploadPart(parts.length + 1, read.value));
  }
  return upload.complete(parts);
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams: asked } = new URL(request.url);
    if (pathname === "/health") return new Response();
    const headers = { authorization: `Bearer ${env.FABRICATE_API_KEY}` };
    const { body } = await fetch(asked.get("from"), { headers });
    await copy(asked.get("lane"), asked.get("key"), Number(asked.get("size")), body, env.FILES);
    return new Response();
  },
};
