// The filters of the refused and ignored deliveries, in the address and in the call.
import { withQuery } from "../../api/client";
import { link } from "../../router";

export interface DeliveryFilters {
  hook: string;
  outcome: "" | "refused" | "ignored";
}

/** The most that the API answers at once. */
const LIMIT = 200;

export function readFilters(query: URLSearchParams): DeliveryFilters {
  const outcome = query.get("outcome");
  return {
    hook: query.get("hook") ?? "",
    outcome: outcome === "refused" || outcome === "ignored" ? outcome : "",
  };
}

export function writeFilters(filters: DeliveryFilters): string {
  return link("/deliveries", { hook: filters.hook, outcome: filters.outcome });
}

export function deliveriesPath(filters: DeliveryFilters): string {
  return withQuery("/api/deliveries", { hook: filters.hook, outcome: filters.outcome, limit: LIMIT });
}
