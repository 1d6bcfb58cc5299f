// The preview of an archived file. What is shown is decided by the bytes, and nothing from a file is ever run or parsed as HTML.
import { useEffect, useState } from "preact/hooks";
import { callBlob, isAbort } from "../api/client";
import { ErrorBox } from "../ui/controls";
import { formatBytes } from "../ui/format";
import { HexDump } from "./body";
import { decodeText, imageType, isPdf } from "./bytes";
import { parseCsv } from "./csv";
import { JsonTree, RawText } from "./json-tree";
import { OutsideText } from "./outside-text";
import { plainName } from "./text";

/** At most so much of a file is fetched. */
const PREVIEW_BYTES_MAX = 1024 * 1024;

interface PreviewProps {
  /** The address of the file below `/api/`. */
  url: string;
  name: string;
  /** In bytes. */
  size: number | null;
}

type Content =
  | { kind: "image"; url: string }
  | { kind: "csv" | "json" | "text"; text: string }
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "card"; what: string };

interface Loaded {
  content: Content;
  isCut: boolean;
  total: number;
}

/** Shows the beginning of a file. It fetches at most 1 MiB. */
export function FilePreview({ url, name, size }: PreviewProps) {
  const [state, setState] = useState<{ loaded: Loaded } | { error: unknown } | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    let objectUrl: string | null = null;
    load(url, name, size, controller.signal).then(
      loaded => {
        if (loaded.content.kind === "image") objectUrl = loaded.content.url;
        if (controller.signal.aborted) revoke(objectUrl);
        else setState({ loaded });
      },
      error => {
        if (!controller.signal.aborted && !isAbort(error)) setState({ error });
      },
    );
    return () => {
      controller.abort();
      revoke(objectUrl);
    };
  }, [url, name, size, attempt]);
  if (state === null) return <p role="status">Loading the preview…</p>;
  if ("error" in state) {
    const again = () => {
      setState(null);
      setAttempt(attempt + 1);
    };
    return <ErrorBox error={state.error} onRetry={again} />;
  }
  const { content, isCut, total } = state.loaded;
  return (
    <div class="preview">
      {isCut && content.kind !== "card" && content.kind !== "bytes" && (
        <p class="muted">
          The first {formatBytes(PREVIEW_BYTES_MAX)} of {formatBytes(total)}. Download the file to see all of it.
        </p>
      )}
      <Shown content={content} name={name} isCut={isCut} total={total} />
    </div>
  );
}

function Shown({ content, name, isCut, total }: Loaded & { name: string }) {
  const [isBroken, setBroken] = useState(false);
  switch (content.kind) {
    case "image":
      if (isBroken) return <p>Your browser cannot show this image. Download it.</p>;
      return <img src={content.url} alt={`Content of ${plainName(name)}`} onError={() => setBroken(true)} />;
    case "csv":
      return <CsvTable text={content.text} name={name} isCut={isCut} />;
    case "json":
      return <JsonTree text={content.text} />;
    case "text":
      return <RawText text={content.text} />;
    case "bytes":
      return <HexDump bytes={content.bytes} total={total} of={plainName(name)} />;
    default:
      return (
        <div class="empty">
          <p class="empty-title">{content.what}</p>
          <p>{total > 0 ? `Download the file (${formatBytes(total)}) to view it.` : "There is nothing to show."}</p>
        </div>
      );
  }
}

function CsvTable({ text, name, isCut }: { text: string; name: string; isCut: boolean }) {
  const csv = parseCsv(text, isCut);
  const [header, ...rows] = csv.rows.map((cells, index) => ({
    id: index,
    cells: cells.map((cell, column) => ({ id: column, text: cell })),
  }));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so a keyboard must reach it
    <section class="table-wrap csv" tabIndex={0} aria-label={`Content of ${plainName(name)}`}>
      <table>
        <caption>
          {csv.hasMoreRows ? `The first ${csv.rows.length} rows` : `${csv.rows.length} rows`}
          {csv.hasMoreColumns && "; there are more columns"}
        </caption>
        <thead>
          <tr>
            {header?.cells.map(cell => (
              <th key={cell.id} scope="col">
                <OutsideText text={cell.text} max={200} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={row.id}>
              {row.cells.map(cell => (
                <td key={cell.id}>
                  <OutsideText text={cell.text} max={200} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

async function load(url: string, name: string, size: number | null, signal: AbortSignal): Promise<Loaded> {
  if (size === 0) return { content: { kind: "card", what: "This file is empty." }, isCut: false, total: 0 };
  const range = `bytes=0-${PREVIEW_BYTES_MAX - 1}`;
  const { blob, response } = await callBlob(url, { headers: { range }, signal });
  const bytes = new Uint8Array(await blob.slice(0, PREVIEW_BYTES_MAX).arrayBuffer());
  const total = totalOf(response, blob) ?? size ?? bytes.length;
  const isCut = total > bytes.length;
  return { content: toContent(bytes, name, isCut), isCut, total };
}

/** The size of the whole file from `Content-Range`, or from the blob where the whole file came. */
function totalOf(response: Response, blob: Blob): number | null {
  if (response.status !== 206) return blob.size;
  const found = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  return found?.[1] ? Number(found[1]) : null;
}

function toContent(bytes: Uint8Array<ArrayBuffer>, name: string, isCut: boolean): Content {
  const image = imageType(bytes);
  if (image !== null) {
    if (isCut) return { kind: "card", what: "The image is too large for a preview." };
    return { kind: "image", url: URL.createObjectURL(new Blob([bytes], { type: image })) };
  }
  if (isPdf(bytes)) return { kind: "card", what: "A PDF document is not previewed." };
  const text = decodeText(bytes, isCut);
  if (text === null) return { kind: "bytes", bytes };
  const extension = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  if (extension === "csv" || extension === "tsv") return { kind: "csv", text };
  if (!isCut && (extension === "json" || /^\s*[{[]/.test(text))) return { kind: "json", text };
  return { kind: "text", text };
}

function revoke(url: string | null) {
  if (url !== null) URL.revokeObjectURL(url);
}
