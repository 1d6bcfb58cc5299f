// What a payload would do: the verification, each rule's condition with its values, the parameters, the request.
import { useMemo } from "preact/hooks";
import type { Preview, PreviewEvent, PreviewRun } from "../../api/types";
import { count } from "../../ui/format";
import { Name, TargetName } from "../../ui/ids";
import { Tag } from "../../ui/status";
import type { JsonNode } from "../../values/json";
import { JsonTree } from "../../values/json-tree";
import { OutsideText } from "../../values/outside-text";
import { Code } from "./facts";
import { partText, treeOf } from "./node";

/** At most this many runs of a batch are shown. */
const RUNS_SHOWN = 40;

export function PreviewView({ preview, text }: { preview: Preview; text: string }) {
  const root = useMemo(() => treeOf(text), [text]);
  const starts = preview.runs.filter(run => run.starts).length;
  return (
    <div class="stack">
      <p>
        <strong>{describe(preview, starts)}</strong>
      </p>
      {preview.outcome === "not parsed" && (
        <p class="notice notice-bad">
          <OutsideText text={preview.error} />
        </p>
      )}
      {preview.paused && <p class="notice notice-warn">The hook is paused: a sender's delivery is refused now.</p>}
      <Verification preview={preview} />
      {preview.outcome === "handshake" && <JsonTree text={partText(root, preview.handshake, "handshake")} />}
      {(preview.outcome === "accepted" || preview.outcome === "ignored") && <EventFacts preview={preview} />}
      {preview.runs.slice(0, RUNS_SHOWN).map((run, index) => (
        <RunView key={`${run.item ?? ""}-${run.rule}`} run={run} root={root} index={index} />
      ))}
      {preview.runs.length > RUNS_SHOWN && <p>{preview.runs.length - RUNS_SHOWN} more are not shown.</p>}
    </div>
  );
}

function EventFacts({ preview }: { preview: PreviewEvent }) {
  return (
    <>
      <p>
        Delivery id:{" "}
        <span class="mono">
          <Name text={preview.delivery_id} max={300} />
        </span>
      </p>
      {preview.delivery_id_error !== null && (
        <p class="notice notice-warn">
          The hook's delivery_id has no usable value: <OutsideText text={preview.delivery_id_error} />
        </p>
      )}
      {preview.items !== null && <p>A batch of {count(preview.items, "item")}; the first 10 are shown.</p>}
    </>
  );
}

function describe(preview: Preview, starts: number): string {
  switch (preview.outcome) {
    case "accepted":
      return `Accepted: it would start ${count(starts, "run")}.`;
    case "ignored":
      return "Ignored: no rule's condition holds, so nothing would start.";
    case "handshake":
      return `A handshake: answered with status ${preview.handshake.status}, and nothing would start.`;
    case "not parsed":
      return "Refused: the body cannot be read.";
  }
}

function Verification({ preview }: { preview: Preview }) {
  const { scheme, verified, reason, signed_text } = preview.verification;
  if (verified) return <p>Verified by {scheme}.</p>;
  return (
    <details>
      <summary>Not verified by {scheme}: a sender's delivery needs it, a start by hand does not</summary>
      {reason && (
        <p>
          <OutsideText text={reason} />
        </p>
      )}
      {signed_text && (
        <>
          <p>The text that must be signed:</p>
          <pre>
            <OutsideText text={signed_text} />
          </pre>
        </>
      )}
    </details>
  );
}

function RunView({ run, root, index }: { run: PreviewRun; root: JsonNode | null; index: number }) {
  const { when } = run;
  return (
    <section class="card" aria-label={`Rule ${run.rule + 1}`}>
      <div class="title-row">
        <h3>
          {run.item !== undefined && (
            <>
              Item {run.item + 1}
              {run.item_id ? (
                <>
                  {" "}
                  <Name text={run.item_id} />
                </>
              ) : null}
              ,{" "}
            </>
          )}
          Rule {run.rule + 1}: <TargetName target={run.target} />
        </h3>
        {run.starts ? <Tag tone="good">starts</Tag> : <Tag tone="plain">does not start</Tag>}
      </div>
      {when && (
        <div class="stack">
          <p>
            The condition <Code text={when.expression} />{" "}
            {when.error === null ? <strong>{when.holds ? "holds" : "does not hold"}</strong> : <strong>failed</strong>}
            {when.error === null ? "" : ": "}
            {when.error !== null && <OutsideText text={when.error} />}
          </p>
          <Values run={run} root={root} index={index} />
        </div>
      )}
      {run.error && (
        <p class="notice notice-bad">
          <OutsideText text={run.error} />
        </p>
      )}
      {run.params && <Params run={run} root={root} index={index} />}
      {run.request && (
        <details>
          <summary>The request that Fabricate would get</summary>
          <p class="mono">
            {run.request.method} <OutsideText text={run.request.url} />
          </p>
          <JsonTree text={partText(root, run.request.body, "runs", index, "request", "body")} />
        </details>
      )}
    </section>
  );
}

function Values({ run, root, index }: { run: PreviewRun; root: JsonNode | null; index: number }) {
  const values = Object.entries(run.when?.values ?? {});
  if (values.length === 0) return null;
  return (
    <dl class="facts">
      {values.map(([path, value]) => (
        <div key={path} class="fact">
          <dt>
            <Code text={path} />
          </dt>
          <dd>
            {isMissing(value) ? (
              <em>missing</em>
            ) : (
              <JsonTree text={partText(root, value, "runs", index, "when", "values", path)} />
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function isMissing(value: unknown): boolean {
  return typeof value === "object" && value !== null && "missing" in value && Object.keys(value).length === 1;
}

function Params({ run, root, index }: { run: PreviewRun; root: JsonNode | null; index: number }) {
  const params = Object.entries(run.params ?? {});
  if (params.length === 0) return <p>It has no parameters.</p>;
  return (
    <div class="table-wrap">
      <table>
        <caption>Parameters</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Type</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {params.map(([name, param]) => (
            <tr key={name}>
              <th scope="row">
                <Name text={name} />
              </th>
              <td data-label="Type">{param.type}</td>
              <td>
                <JsonTree text={partText(root, param.value, "runs", index, "params", name, "value")} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
