// Makes text from outside safe to read: characters that reorder or hide text become visible.

// Bidirectional embeddings, overrides and isolates: with them `gpj.exe` reads as `exe.jpg`. Control characters hide text.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const DECEIVING = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
// Those of them that reorder text.
const REORDERING = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g;
// The first, but JSON.stringify escapes control characters below 32 itself.
const DECEIVING_IN_JSON = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** A name with its deceiving characters written out: `x\u202Egpj.exe` becomes `x⟨202E⟩gpj.exe`. */
export function plainName(name: string): string {
  return name.replace(DECEIVING, character => `⟨${hexOf(character).toUpperCase()}⟩`);
}

/**
 * A text with the characters that reorder it written out. An element that isolates its direction is not enough: an isolate
 * that the text opens and does not close would reorder what comes after the element.
 */
export function visible(text: string): string {
  return text.replace(REORDERING, character => `⟨${hexOf(character).toUpperCase()}⟩`);
}

/** A string as JSON writes it, with deceiving characters as escapes. */
export function quote(value: string): string {
  return JSON.stringify(value).replace(DECEIVING_IN_JSON, character => `\\u${hexOf(character)}`);
}

/** A name under which a browser may save a file: no folders, no deceiving characters, at most 200 characters. */
export function saveName(name: string): string {
  const base = name.split(/[/\\]/).pop() ?? "";
  const safe = base
    .replace(DECEIVING, "")
    .replace(/[<>:"|?*]/g, "_")
    .replace(/^\.+/, "")
    .trim();
  return safe.slice(-200) || "file";
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, "0");
}
