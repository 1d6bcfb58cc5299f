// Routes live in the fragment of the address: `#/runs?status=failed`. This module reads and writes them.
import { signal } from "@preact/signals";

export type Route =
  | { page: "overview" }
  | { page: "runs" }
  | { page: "run"; runId: string }
  | { page: "hooks" }
  | { page: "hook"; hook: string }
  | { page: "deliveries" }
  | { page: "unknown" };

export interface Location {
  route: Route;
  /** The filters after `?`. */
  query: URLSearchParams;
}

/** Reads a fragment. An empty one is the overview; one that is not ours is `unknown`. */
export function parseHash(hash: string): Location {
  const text = hash.replace(/^#/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  return { route: toRoute(path.split("/").filter(Boolean)), query };
}

function toRoute(parts: string[]): Route {
  const [page, encoded, more] = parts;
  if (page === undefined) return { page: "overview" };
  if (more !== undefined) return { page: "unknown" };
  if (encoded === undefined) {
    return page === "overview" || page === "runs" || page === "hooks" || page === "deliveries"
      ? { page }
      : { page: "unknown" };
  }
  const name = decode(encoded);
  if (name === null) return { page: "unknown" };
  if (page === "runs") return { page: "run", runId: name };
  if (page === "hooks") return { page: "hook", hook: name };
  return { page: "unknown" };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** The fragment of a page, for `href`: `link("/runs", { status: "failed" })`. Empty values are left out. */
export function link(path: string, query: Record<string, string | null | undefined> = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) params.set(name, value);
  const text = params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return text ? `#${path}?${text}` : `#${path}`;
}

/** The fragment of one run's page. */
export function runLink(runId: string): string {
  return `#/runs/${encodeURIComponent(runId)}`;
}

/** The fragment of one hook's page. */
export function hookLink(hook: string): string {
  return `#/hooks/${encodeURIComponent(hook)}`;
}

/** The fragment of one hook's page, at the ignored deliveries that it keeps. */
export function keptLink(hook: string): string {
  return link(`/hooks/${encodeURIComponent(hook)}`, { show: "kept" });
}

/** Where the browser is. */
export const location = signal<Location>({ route: { page: "overview" }, query: new URLSearchParams() });

/** Follows the address from now on. */
export function startRouter() {
  const read = () => {
    location.value = parseHash(window.location.hash);
  };
  window.addEventListener("hashchange", read);
  read();
}

/** Goes to a fragment, with an entry in the history. */
export function navigate(hash: string) {
  window.location.hash = hash;
}

/** Changes the filters of this page without an entry in the history. */
export function replaceHash(hash: string) {
  window.history.replaceState(null, "", hash);
  location.value = parseHash(hash);
}
