// Looks at bytes: which image they are, whether they are text, how they read in hexadecimal. It renders nothing.

const HEX_BYTES_MAX = 4096;
const HEX_LINE_BYTES = 16;

/** The type of an image by its first bytes, or `null`. The list is closed: SVG is a document, so it is never an image here. */
export function imageType(bytes: Uint8Array): string | null {
  const begins = (...expected: number[]) => expected.every((byte, index) => bytes[index] === byte);
  const ascii = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (begins(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return "image/png";
  if (begins(0xff, 0xd8, 0xff)) return "image/jpeg";
  if (ascii(0, 6) === "GIF87a" || ascii(0, 6) === "GIF89a") return "image/gif";
  if (ascii(0, 4) === "RIFF" && ascii(8, 12) === "WEBP") return "image/webp";
  if (ascii(4, 8) === "ftyp" && (ascii(8, 12) === "avif" || ascii(8, 12) === "avis")) return "image/avif";
  return null;
}

/** Whether bytes are a PDF. */
export function isPdf(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, 5)) === "%PDF-";
}

/** The bytes as UTF-8 text, or `null` where they are not. `isCut` allows half a character at the end. */
export function decodeText(bytes: Uint8Array, isCut = false): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut });
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

/** The first bytes of a base64 text, as many as a hex dump shows. `null` where it is not base64. */
export function decodeBase64Start(base64: string): Uint8Array | null {
  try {
    const text = atob(base64.slice(0, Math.ceil(HEX_BYTES_MAX / 3) * 4));
    return Uint8Array.from(text, character => character.charCodeAt(0));
  } catch {
    return null;
  }
}

/** How many bytes a base64 text stands for. */
export function base64Bytes(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return Math.floor((base64.length * 3) / 4) - padding;
}

/** The first 4 KiB as lines of offset, 16 bytes and their ASCII. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  const end = Math.min(bytes.length, HEX_BYTES_MAX);
  for (let at = 0; at < end; at += HEX_LINE_BYTES) {
    const line = [...bytes.subarray(at, Math.min(end, at + HEX_LINE_BYTES))];
    const hex = line.map(byte => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = line.map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(HEX_LINE_BYTES * 3 - 1)}  ${ascii}`);
  }
  return lines.join("\n");
}
