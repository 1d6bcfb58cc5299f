// The filters of the list of runs: read from the address, written to it, and turned into a query of the API.
import { withQuery } from "../../api/client";
import type { RunStatus } from "../../api/types";
import { link } from "../../router";
import { STATUS_ORDER } from "../../ui/status";

/** The periods that the page offers beside a custom one. */
export const PERIODS = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000 } as const;
export type Period = keyof typeof PERIODS;

export interface RunFilters {
  statuses: RunStatus[];
  hook: string;
  /** Up to now; `null` where `since` and `until` count. */
  period: Period | null;
  /** RFC 3339 or empty. */
  since: string;
  until: string;
  /** A delivery's id or a task's id, exactly. */
  deliveryId: string;
  taskId: string;
}

const PAGE_RUNS = 50;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function readFilters(query: URLSearchParams): RunFilters {
  const wanted = new Set((query.get("status") ?? "").split(","));
  const period = query.get("period");
  return {
    statuses: STATUS_ORDER.filter(status => wanted.has(status)),
    hook: query.get("hook") ?? "",
    period: period !== null && Object.hasOwn(PERIODS, period) ? (period as Period) : null,
    since: toTime(query.get("since")),
    until: toTime(query.get("until")),
    deliveryId: query.get("delivery_id") ?? "",
    taskId: query.get("task_id") ?? "",
  };
}

/** The fragment that shows the list with these filters. */
export function writeFilters(filters: RunFilters): string {
  return link("/runs", {
    status: filters.statuses.join(","),
    hook: filters.hook,
    period: filters.period,
    since: filters.period ? "" : filters.since,
    until: filters.period ? "" : filters.until,
    delivery_id: filters.deliveryId,
    task_id: filters.taskId,
  });
}

/** The call for a page of the list. A period starts at a whole minute, so that the same list has the same address. */
export function listPath(filters: RunFilters, nowMs: number, cursor: string | null = null): string {
  const since = filters.period
    ? new Date(Math.floor((nowMs - PERIODS[filters.period]) / 60_000) * 60_000).toISOString()
    : filters.since;
  return withQuery("/api/runs", {
    status: filters.statuses.join(","),
    hook: filters.hook,
    since,
    until: filters.period ? "" : filters.until,
    delivery_id: filters.deliveryId,
    task_id: filters.taskId,
    limit: PAGE_RUNS,
    cursor,
  });
}

/** Whether any filter is set. */
export function hasFilters(filters: RunFilters): boolean {
  return writeFilters(filters) !== link("/runs");
}

/** What a text in the search box may be: a UUID is a run or a task; every text can be a delivery or a task. */
export function readSearch(text: string): { id: string; mayBeRun: boolean } | null {
  const id = text.trim();
  if (id === "") return null;
  return UUID.test(id) ? { id: id.toLowerCase(), mayBeRun: true } : { id, mayBeRun: false };
}

/** A time of the address: RFC 3339, or empty where it is no time. */
function toTime(text: string | null): string {
  if (!text) return "";
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? "" : new Date(ms).toISOString();
}

/** The value of a `datetime-local` field in the reader's time zone. */
export function toLocalField(iso: string): string {
  if (!iso) return "";
  const date = new Date(iso);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/** The time of a `datetime-local` field, or empty. */
export function fromLocalField(value: string): string {
  return toTime(value);
}
