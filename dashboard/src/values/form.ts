// Reads the fields of a form body for display. It is bounded and never throws.

const FIELDS_MAX = 200;

export interface Form {
  /** Names and values, in order, duplicates included. */
  fields: [string, string][];
  hasMore: boolean;
}

/** Reads `application/x-www-form-urlencoded`. */
export function parseForm(text: string): Form {
  const fields: [string, string][] = [];
  for (const field of new URLSearchParams(text)) {
    if (fields.length === FIELDS_MAX) return { fields, hasMore: true };
    fields.push(field);
  }
  return { fields, hasMore: false };
}

export type BodyKind = "json" | "form" | "text";

/** How a body is shown: by its content type; without one, by its first character. */
export function bodyKind(contentType: string | null | undefined, text: string): BodyKind {
  const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "application/x-www-form-urlencoded") return "form";
  if (/[/+]json$/.test(type)) return "json";
  return (type === "" || type === "text/plain") && /^\s*[{[]/.test(text) ? "json" : "text";
}
