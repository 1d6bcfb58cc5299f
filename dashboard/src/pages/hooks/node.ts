// Parts of a JSON answer as text, so that numbers keep the digits that `JSON.parse` would lose.
import { type JsonNode, parseJson } from "../../values/json";

/** The value at a path of names and positions, or `null`. Of repeated names the last counts, as for `JSON.parse`. */
export function nodeAt(node: JsonNode, ...path: (string | number)[]): JsonNode | null {
  let current: JsonNode | undefined = node;
  for (const step of path) {
    if (current?.kind === "object" && typeof step === "string")
      current = current.values[current.names.lastIndexOf(step)];
    else if (current?.kind === "array" && typeof step === "number") current = current.values[step];
    else return null;
  }
  return current ?? null;
}

/** The JSON text of a value, with the digits that were written. */
export function textOf(node: JsonNode): string {
  switch (node.kind) {
    case "object":
      return `{${node.names.map((name, i) => `${JSON.stringify(name)}:${childText(node.values[i])}`).join(",")}}`;
    case "array":
      return `[${node.values.map(textOf).join(",")}]`;
    case "string":
      return JSON.stringify(node.value);
    case "number":
      return node.digits;
    case "literal":
      return node.text;
  }
}

function childText(node: JsonNode | undefined): string {
  return node ? textOf(node) : "null";
}

/** A part of an answer as JSON text: by the answer's own digits, or from the parsed value where it is too large. */
export function partText(root: JsonNode | null, fallback: unknown, ...path: (string | number)[]): string {
  const node = root && nodeAt(root, ...path);
  return node ? textOf(node) : JSON.stringify(fallback ?? null);
}

/** The answer as a tree, or `null` where it is too large for one. */
export function treeOf(text: string): JsonNode | null {
  const parsed = parseJson(text);
  return parsed.ok ? parsed.node : null;
}
