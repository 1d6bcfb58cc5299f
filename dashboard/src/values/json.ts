// Reads JSON into a tree that keeps what `JSON.parse` loses: the digits of numbers, the order of fields, and duplicates.
// It renders nothing.

/** A larger text is shown as text: a browser would become slow. */
const NODES_MAX = 200_000;
/** Deeper nesting is shown as text. The parser recurses this far at most. */
const LEVELS_MAX = 200;

export type JsonNode =
  | { kind: "object"; names: string[]; values: JsonNode[] }
  | { kind: "array"; values: JsonNode[] }
  | { kind: "string"; value: string }
  /** The digits as they were written. */
  | { kind: "number"; digits: string }
  | { kind: "literal"; text: "true" | "false" | "null" };

export type Parsed = { ok: true; node: JsonNode } | { ok: false; reason: string };

/** Parses a JSON text (RFC 8259). Never throws: a text that is not JSON, or too large, yields the reason. */
export function parseJson(text: string): Parsed {
  try {
    return { ok: true, node: new Parser(text).document() };
  } catch (error) {
    if (error instanceof Failure) return { ok: false, reason: error.message };
    throw error;
  }
}

/**
 * The text of a field as it is written in a JSON document, found without building a tree: `rawField(text, "task", "result")`.
 * `null` where it is missing. `text` must be JSON that was parsed before.
 */
export function rawField(text: string, ...path: string[]): string | null {
  let start = skipSpace(text, 0);
  for (const name of path) {
    const found = findField(text, start, name);
    if (found < 0) return null;
    start = found;
  }
  return text.slice(start, skipValue(text, start));
}

class Failure extends Error {}

class Parser {
  private at = 0;
  private nodes = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  document(): JsonNode {
    const node = this.value(0);
    if (this.peek() !== "") throw this.unexpected();
    return node;
  }

  private value(level: number): JsonNode {
    this.nodes += 1;
    if (this.nodes > NODES_MAX) throw new Failure(`it has more than ${NODES_MAX.toLocaleString("en-US")} values`);
    if (level > LEVELS_MAX) throw new Failure(`it is nested deeper than ${LEVELS_MAX} levels`);
    const first = this.peek();
    if (first === "{") return this.object(level);
    if (first === "[") return this.array(level);
    if (first === '"') return { kind: "string", value: this.string() };
    for (const text of ["true", "false", "null"] as const) {
      if (this.text.startsWith(text, this.at)) {
        this.at += text.length;
        return { kind: "literal", text };
      }
    }
    return { kind: "number", digits: this.number() };
  }

  private object(level: number): JsonNode {
    const names: string[] = [];
    const values: JsonNode[] = [];
    this.at += 1;
    if (!this.takes("}")) {
      do {
        if (this.peek() !== '"') throw this.unexpected();
        names.push(this.string());
        if (!this.takes(":")) throw this.unexpected();
        values.push(this.value(level + 1));
      } while (this.takes(","));
      if (!this.takes("}")) throw this.unexpected();
    }
    return { kind: "object", names, values };
  }

  private array(level: number): JsonNode {
    const values: JsonNode[] = [];
    this.at += 1;
    if (!this.takes("]")) {
      do values.push(this.value(level + 1));
      while (this.takes(","));
      if (!this.takes("]")) throw this.unexpected();
    }
    return { kind: "array", values };
  }

  private string(): string {
    const end = skipString(this.text, this.at);
    try {
      const value: unknown = JSON.parse(this.text.slice(this.at, end));
      if (typeof value !== "string") throw this.unexpected();
      this.at = end;
      return value;
    } catch {
      throw this.unexpected();
    }
  }

  private number(): string {
    const start = this.at;
    if (this.text[this.at] === "-") this.at += 1;
    const first = this.at;
    this.digits();
    if (this.text[first] === "0" && this.at > first + 1) throw this.unexpected();
    if (this.text[this.at] === ".") {
      this.at += 1;
      this.digits();
    }
    if (this.text[this.at] === "e" || this.text[this.at] === "E") {
      this.at += 1;
      if (this.text[this.at] === "+" || this.text[this.at] === "-") this.at += 1;
      this.digits();
    }
    return this.text.slice(start, this.at);
  }

  private digits() {
    const start = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at += 1;
    if (this.at === start) throw this.unexpected();
  }

  /** The next character that is not space, or an empty text at the end. */
  private peek(): string {
    this.at = skipSpace(this.text, this.at);
    return this.text.charAt(this.at);
  }

  private takes(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at += 1;
    return true;
  }

  private unexpected(): Failure {
    return new Failure(
      this.at < this.text.length ? `unexpected text at character ${this.at + 1}` : "it ends too early",
    );
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\r\n".includes(text.charAt(at))) at += 1;
  return at;
}

/** The position after the string that begins at `from`. */
function skipString(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
}

/** The position after the value that begins at `from`. */
function skipValue(text: string, from: number): number {
  let at = from;
  let depth = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"') at = skipString(text, at);
    else if (depth === 0 && ",}] \t\r\n".includes(character)) return at;
    else {
      if (character === "{" || character === "[") depth += 1;
      else if (character === "}" || character === "]") depth -= 1;
      at += 1;
    }
    if (depth === 0 && '"}]'.includes(text.charAt(at - 1))) return at;
  }
  return at;
}

/** Where the value of a field begins in the object at `from`, or -1. */
function findField(text: string, from: number, name: string): number {
  if (text[from] !== "{") return -1;
  let at = skipSpace(text, from + 1);
  while (text[at] === '"') {
    const end = skipString(text, at);
    const isFound = JSON.parse(text.slice(at, end)) === name;
    at = skipSpace(text, skipSpace(text, end) + 1);
    if (isFound) return at;
    at = skipSpace(text, skipValue(text, at));
    if (text[at] !== ",") return -1;
    at = skipSpace(text, at + 1);
  }
  return -1;
}
