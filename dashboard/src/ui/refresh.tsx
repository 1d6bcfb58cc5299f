// How old a list is, and a button that reads it again.

import { Button } from "./controls";
import { formatRelative } from "./format";
import { now } from "./time";

interface Props {
  fetchedAtMs: number | null;
  isLoading: boolean;
  onRefresh: () => void;
}

/** Says when a list was read. It costs KV lists, so it is read by itself only every five minutes. */
export function Refresh({ fetchedAtMs, isLoading, onRefresh }: Props) {
  const age =
    fetchedAtMs === null ? null : formatRelative(new Date(fetchedAtMs).toISOString(), Math.max(now.value, fetchedAtMs));
  return (
    <div class="row">
      <span class="visually-hidden" role="status">
        {isLoading ? "Reading…" : ""}
      </span>
      <span class="muted" aria-hidden={isLoading || undefined}>
        {isLoading ? "Reading…" : age === null ? "" : age === "now" ? "read just now" : `read ${age}`}
      </span>
      <Button onClick={onRefresh} disabled={isLoading} why="It is being read.">
        Refresh
      </Button>
    </div>
  );
}
