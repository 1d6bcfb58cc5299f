// Reads the beginning of a CSV text (RFC 4180) for display. It is bounded and never throws.

const ROWS_MAX = 200;
const COLUMNS_MAX = 50;

export interface Csv {
  delimiter: "," | ";" | "\t";
  /** At most 200 rows of at most 50 cells; the first may be a header. */
  rows: string[][];
  /** There are more rows than shown. */
  hasMoreRows: boolean;
  /** A row has more cells than shown. */
  hasMoreColumns: boolean;
}

/** Reads the first rows. `isCut` says that the text is the beginning of a longer one, so that its last row may not be whole. */
export function parseCsv(text: string, isCut = false): Csv {
  const source = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const delimiter = detectDelimiter(source);
  const csv: Csv = { delimiter, rows: [], hasMoreRows: isCut, hasMoreColumns: false };
  let at = 0;
  while (at < source.length) {
    if (csv.rows.length === ROWS_MAX) {
      csv.hasMoreRows = true;
      return csv;
    }
    at = readRow(source, at, csv);
  }
  if (isCut && csv.rows.length > 1) csv.rows.pop();
  return csv;
}

/** Reads the row at `from` and returns where the next one begins. */
function readRow(source: string, from: number, csv: Csv): number {
  const row: string[] = [];
  let at = from;
  for (;;) {
    const [cell, end] = readCell(source, at, csv.delimiter);
    if (row.length < COLUMNS_MAX) row.push(cell);
    else csv.hasMoreColumns = true;
    at = end + 1;
    if (source.charAt(end) !== csv.delimiter) {
      if (source.startsWith("\r\n", end)) at += 1;
      break;
    }
  }
  csv.rows.push(row);
  return at;
}

/** The cell at `from`, and the position of the delimiter or line end after it. */
function readCell(source: string, from: number, delimiter: string): [string, number] {
  if (source.charAt(from) !== '"') {
    const end = endOfPlain(source, from, delimiter);
    return [source.slice(from, end), end];
  }
  let at = from + 1;
  const parts: string[] = [];
  for (;;) {
    const quote = source.indexOf('"', at);
    if (quote < 0) return [parts.join("") + source.slice(at), source.length];
    parts.push(source.slice(at, quote));
    at = quote + 1;
    if (source.charAt(at) !== '"') break;
    parts.push('"');
    at += 1;
  }
  // Text after the closing quote is against the RFC; it is shown as it is.
  const end = endOfPlain(source, at, delimiter);
  return [parts.join("") + source.slice(at, end), end];
}

function endOfPlain(source: string, from: number, delimiter: string): number {
  let at = from;
  while (at < source.length) {
    const character = source.charAt(at);
    if (character === delimiter || character === "\n" || character === "\r") break;
    at += 1;
  }
  return at;
}

/** The delimiter that the first line has most often outside quotes; a comma where it has none. */
function detectDelimiter(source: string): Csv["delimiter"] {
  const counts = { ",": 0, ";": 0, "\t": 0 };
  let isQuoted = false;
  for (let at = 0; at < source.length; at += 1) {
    const character = source.charAt(at);
    if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === "\n" || character === "\r") break;
    else if (character === "," || character === ";" || character === "\t") counts[character] += 1;
  }
  if (counts[";"] > counts[","] && counts[";"] >= counts["\t"]) return ";";
  return counts["\t"] > counts[","] ? "\t" : ",";
}
