// The body of a delivery: JSON as a tree, form fields as a table, text as text, bytes as a hex dump.
import type { DeliveryBody } from "../api/types";

import { count, formatBytes } from "../ui/format";
import { base64Bytes, decodeBase64Start, hexDump } from "./bytes";
import { bodyKind, parseForm } from "./form";
import { JsonTree, RawText } from "./json-tree";
import { OutsideText } from "./outside-text";

interface BodyProps {
  body: DeliveryBody;
  contentType: string | null | undefined;
}

/** Shows a stored body. It never renders HTML. */
export function Body({ body, contentType }: BodyProps) {
  if ("base64" in body) return <Bytes base64={body.base64} />;
  switch (bodyKind(contentType, body.text)) {
    case "json":
      return <JsonTree text={body.text} />;
    case "form":
      return <FormFields text={body.text} />;
    default:
      return <RawText text={body.text} />;
  }
}

function FormFields({ text }: { text: string }) {
  const form = parseForm(text);
  const fields = form.fields.map(([name, value], index) => ({ id: index, name, value }));
  return (
    <div class="table-wrap">
      <table>
        <caption>
          {form.hasMore
            ? `The first ${count(fields.length, "field")} of the form`
            : `${count(fields.length, "form field")}`}
        </caption>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {fields.map(field => (
            <tr key={field.id}>
              <td>
                <OutsideText text={field.name} max={200} />
              </td>
              <td>
                {/^\s*[{[]/.test(field.value) ? <JsonTree text={field.value} /> : <OutsideText text={field.value} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Bytes({ base64 }: { base64: string }) {
  const bytes = decodeBase64Start(base64);
  if (!bytes) return <RawText text={base64} note="This is not valid base64." />;
  return <HexDump bytes={bytes} total={base64Bytes(base64)} />;
}

/** Bytes in hexadecimal: the first 4 KiB of `total`. */
export function HexDump({ bytes, total, of = "the body" }: { bytes: Uint8Array; total: number; of?: string }) {
  return (
    <>
      <p class="muted">
        {formatBytes(total)} that are not text
        {total > 4096 && "; the first 4 KiB"}:
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so a keyboard must reach it */}
      <section class="hex" tabIndex={0} aria-label={`Bytes of ${of} in hexadecimal`}>
        <pre>{hexDump(bytes)}</pre>
      </section>
    </>
  );
}
