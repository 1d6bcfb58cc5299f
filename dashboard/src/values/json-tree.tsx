// A JSON value as a tree that can be folded. Only what is open is rendered, and long lists and texts come in parts.
import { useMemo, useState } from "preact/hooks";
import "../styles/values.css";
import { Button } from "../ui/controls";
import { count, cut } from "../ui/format";
import { type JsonNode, parseJson } from "./json";
import { OutsideText } from "./outside-text";
import { quote } from "./text";

/** So many entries of an object or array are shown at once. */
const ENTRIES_SHOWN = 200;
const CHARACTERS_SHOWN = 500;
/** Entries of the first levels are open from the start if there are few of them. */
const OPEN_LEVELS = 2;
const OPEN_ENTRIES_MAX = 30;

type Container = Extract<JsonNode, { kind: "object" | "array" }>;

interface JsonTreeProps {
  /** JSON as it came, so that numbers keep their digits. */
  text?: string;
  /** A value instead of a text. */
  value?: unknown;
}

/** Shows JSON as a tree; text that is not JSON, or too large, as it is with the reason. */
export function JsonTree({ text, value }: JsonTreeProps) {
  const source = text ?? JSON.stringify(value) ?? "null";
  const parsed = useMemo(() => parseJson(source), [source]);
  if (!parsed.ok) return <RawText text={source} note={`Shown as text: ${parsed.reason}.`} />;
  return (
    <div class="json">
      {isContainer(parsed.node) && size(parsed.node) > 0 ? (
        <Entries node={parsed.node} level={1} />
      ) : (
        <Scalar node={parsed.node} />
      )}
    </div>
  );
}

/** Text as it is, in a box, cut until the reader asks for all of it. */
export function RawText({ text, note }: { text: string; note?: string }) {
  return (
    <>
      {note && <p class="muted">{note}</p>}
      <pre class="raw">{text === "" ? <span class="muted">(empty)</span> : <OutsideText text={text} />}</pre>
    </>
  );
}

function Entries({ node, level }: { node: Container; level: number }) {
  const [shown, setShown] = useState(ENTRIES_SHOWN);
  const total = size(node);
  const more = total - shown;
  return (
    <>
      <ul class={node.kind}>
        {node.values.slice(0, shown).map((child, index) => (
          // Keyed by position: names may repeat, and entries never move.
          <Entry
            key={index}
            name={node.kind === "object" ? (node.names[index] ?? "") : index}
            node={child}
            level={level}
          />
        ))}
      </ul>
      {more > 0 && (
        <Button onClick={() => setShown(shown + ENTRIES_SHOWN)}>
          Show {count(Math.min(more, ENTRIES_SHOWN), "more", "more")} of {total.toLocaleString("en-US")}
        </Button>
      )}
    </>
  );
}

function Entry({ name, node, level }: { name: string | number; node: JsonNode; level: number }) {
  const [isOpen, setOpen] = useState(level <= OPEN_LEVELS && isContainer(node) && size(node) <= OPEN_ENTRIES_MAX);
  if (!isContainer(node) || size(node) === 0) {
    return (
      <li>
        <Name name={name} /> <Scalar node={node} />
      </li>
    );
  }
  return (
    <li>
      <details open={isOpen} onToggle={event => setOpen(event.currentTarget.open)}>
        <summary>
          <Name name={name} /> <span class="muted">{summary(node)}</span>
        </summary>
        {isOpen && <Entries node={node} level={level + 1} />}
      </details>
    </li>
  );
}

function Name({ name }: { name: string | number }) {
  if (typeof name === "number") return <span class="json-index">{name}</span>;
  const shown = cut(name, CHARACTERS_SHOWN);
  return (
    <span class="json-name">
      <bdi>{shown === "" ? '""' : quote(shown).slice(1, -1)}</bdi>
      {shown.length < name.length && "…"}:
    </span>
  );
}

function Scalar({ node }: { node: JsonNode }) {
  switch (node.kind) {
    case "string":
      return <Text value={node.value} />;
    case "number":
      return (
        <span class="json-number">
          <OutsideText text={node.digits} max={CHARACTERS_SHOWN} />
        </span>
      );
    case "literal":
      return <span class="json-literal">{node.text}</span>;
    default:
      return <span class="muted">{node.kind === "object" ? "{ }" : "[ ]"}</span>;
  }
}

function Text({ value }: { value: string }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? value : cut(value, CHARACTERS_SHOWN);
  return (
    <>
      <bdi class="json-string">{quote(shown)}</bdi>
      {shown.length < value.length && (
        <>
          {"… "}
          <Button onClick={() => setWhole(true)}>Show all {count(value.length, "character")}</Button>
        </>
      )}
    </>
  );
}

function isContainer(node: JsonNode): node is Container {
  return node.kind === "object" || node.kind === "array";
}

function size(node: Container): number {
  return node.values.length;
}

function summary(node: Container): string {
  return node.kind === "object" ? `{ ${count(size(node), "field")} }` : `[ ${count(size(node), "item")} ]`;
}
