// KV, R2 and Fabricate in memory, the same for seedhook and for the Worker that it is measured against. They do what the
// benchmark needs and are not tested for more.
export class R2Bucket {
  objects = new Map();
  tag = 0;

  put(key, value, options) {
    const known = this.objects.get(key);
    const { etagMatches, etagDoesNotMatch } = options?.onlyIf ?? {};
    const isRefused =
      (etagDoesNotMatch === "*" && known !== undefined) || (etagMatches !== undefined && known?.etag !== etagMatches);
    if (isRefused) return Promise.resolve(null);
    if (value instanceof ReadableStream) {
      return new Response(value).arrayBuffer().then((bytes) => this.put(key, bytes));
    }
    const etag = String(++this.tag);
    const object = { key, etag, httpEtag: `"${etag}"`, size: value.byteLength ?? value.length, uploaded: new Date(), value };
    this.objects.set(key, object);
    return Promise.resolve(object);
  }

  get(key) {
    const object = this.objects.get(key);
    if (object === undefined) return Promise.resolve(null);
    return Promise.resolve(new R2ObjectBody(object));
  }

  head(key) {
    return Promise.resolve(this.objects.get(key) ?? null);
  }

  delete(key) {
    this.objects.delete(key);
    return Promise.resolve();
  }

  list({ prefix = "" } = {}) {
    const objects = [...this.objects.values()].filter(({ key }) => key.startsWith(prefix)).slice(0, 1000);
    return Promise.resolve({ objects, truncated: false, delimitedPrefixes: [] });
  }
}

class R2ObjectBody {
  bodyUsed = false;

  constructor(object) {
    Object.assign(this, object);
  }

  get body() {
    return new Response(this.value).body;
  }

  text() {
    return Promise.resolve(typeof this.value === "string" ? this.value : new TextDecoder().decode(this.value));
  }

  async arrayBuffer() {
    return typeof this.value === "string" ? new TextEncoder().encode(this.value).buffer : this.value.slice().buffer;
  }
}

export class KvNamespace {
  records = new Map();

  put(key, value, options) {
    // The runtime sends metadata as text.
    const metadata = options?.metadata === undefined ? null : JSON.stringify(options.metadata);
    this.records.set(key, { value, metadata });
    return Promise.resolve();
  }

  get(key) {
    return Promise.resolve(this.records.get(key)?.value ?? null);
  }

  delete(key) {
    this.records.delete(key);
    return Promise.resolve();
  }

  list({ prefix = "" } = {}) {
    const keys = [];
    for (const [name, { metadata }] of this.records) {
      if (name.startsWith(prefix)) keys.push({ name, metadata: metadata === null ? undefined : JSON.parse(metadata) });
      if (keys.length === 1000) break;
    }
    return Promise.resolve({ keys, list_complete: true, cacheStatus: null });
  }
}

let tasks = 0;

/** How many times a task was asked for. */
export let polls = 0;

const taskId = (number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

// Takes the place of the global `fetch`: starts a task, or says that one is still in progress.
export function fabricate(request, init) {
  const { url, method } = typeof request === "string" ? { url: request, method: init?.method ?? "GET" } : request;
  if (method !== "POST") polls += 1;
  const body =
    method === "POST"
      ? { task_id: taskId(++tasks), status: "in_progress" }
      : {
          id: url.slice(url.lastIndexOf("/") + 1),
          workflow_id: "abc-123",
          status: "in_progress",
          result: null,
          files: [],
          error: null,
          started_at: "2026-01-15T10:30:00Z",
          completed_at: null,
          created_at: "2026-01-15T10:30:00Z",
        };
  return Promise.resolve(Response.json(body));
}

export const stores = () => ({ RUNS: new KvNamespace(), INBOX: new R2Bucket(), FILES: new R2Bucket() });

// Forgets everything, so that the memory of the stores does not grow with the length of a run.
export function empty({ RUNS, INBOX, FILES }) {
  RUNS.records.clear();
  INBOX.objects.clear();
  FILES.objects.clear();
}
