// Reads the headers that are typed into the playground: one on each line, `Name: value`.

/** Headers that a browser does not let a page send. */
const NOT_SENDABLE = new Set([
  "accept-charset",
  "accept-encoding",
  "connection",
  "content-length",
  "cookie",
  "cookie2",
  "date",
  "dnt",
  "expect",
  "host",
  "keep-alive",
  "origin",
  "referer",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "via",
]);
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const HEADERS_MAX = 60;

export interface TypedHeaders {
  headers: Record<string, string>;
  /** What is left out, and why. */
  problems: string[];
}

/** `Authorization` is sent as `X-Sender-Authorization`, because the request's own is the operator's. */
export function readHeaders(text: string): TypedHeaders {
  const headers: Record<string, string> = {};
  const problems: string[] = [];
  for (const [index, line] of text.split("\n").slice(0, HEADERS_MAX).entries()) {
    if (line.trim() === "") continue;
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const problem = findProblem(colon, name, value);
    if (problem) problems.push(`Line ${index + 1}: ${problem}`);
    else headers[name === "authorization" ? "x-sender-authorization" : name] = value;
  }
  return { headers, problems };
}

/** Why a payload of this content type cannot be sent by a page that Cloudflare Access signed in; `null` for JSON. */
export function whyNotByAccess(contentType: string): string | null {
  const essence = contentType.split(";")[0]?.trim().toLowerCase();
  if (essence === "application/json") return null;
  return "You are signed in by Cloudflare Access, with which the Worker takes calls of type application/json alone: a payload of another type cannot be sent from here. Call the API with OPERATOR_TOKEN, or preview it with npx seedhook try.";
}

function findProblem(colon: number, name: string, value: string): string | null {
  if (colon < 1 || !NAME.test(name)) return "write Name: value";
  if (name === "content-type") return "choose the content type above";
  if (NOT_SENDABLE.has(name) || name.startsWith("sec-") || name.startsWith("proxy-")) {
    return `a browser does not let a page send ${name}; use npx seedhook try`;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be sent
  if (/[^\x09\x20-\x7e\x80-\xff]/.test(value)) return "a value may only have Latin characters";
  return null;
}
