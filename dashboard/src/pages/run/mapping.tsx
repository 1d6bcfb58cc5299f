// How each parameter was made: expression and value, and the condition with what it saw.
import { ApiError } from "../../api/client";
import type { Mapping as MappingAnswer, When } from "../../api/types";
import { ErrorBox } from "../../ui/controls";
import { Tag } from "../../ui/status";
import { rawField } from "../../values/json";
import { JsonTree } from "../../values/json-tree";
import { OutsideText } from "../../values/outside-text";
import { DELIVERY_EXPIRED } from "./delivery";
import { runPath, useLoad } from "./load";

export function Mapping({ runId }: { runId: string }) {
  const [load, again] = useLoad<MappingAnswer>(runPath(runId, "mapping"));
  if (load.state === "loading") return <p role="status">Mapping the delivery again…</p>;
  if (load.state === "failed") {
    if (load.error instanceof ApiError && load.error.status === 410) return <p>{DELIVERY_EXPIRED}</p>;
    if (load.error instanceof ApiError && load.error.problem === "not-configured") {
      return (
        <p>
          No rule of the hook runs this workflow any more, so the mapping cannot be shown. The hook's configuration was
          changed.
        </p>
      );
    }
    return <ErrorBox error={load.error} onRetry={again} />;
  }
  const { data, text } = load.answer;
  return (
    <div class="stack">
      <p class="muted">
        Rule {data.rule + 1} of the hook. The stored delivery was mapped again just now, by the configuration as it is
        now.
      </p>
      {data.is_current && <p>The run has exactly these parameters.</p>}
      {data.error !== null && (
        <div class="notice notice-bad">
          <strong>The parameters cannot be mapped</strong>
          <OutsideText text={data.error} />
        </div>
      )}
      {!data.is_current && data.error === null && (
        <div class="notice notice-warn">
          <strong>The run has other parameters</strong>
          <p>
            The configuration was changed since. This is what a retry would use; “Parameters” shows what this run used.
          </p>
        </div>
      )}
      <Condition when={data.when} text={text} />
      <Parameters expressions={data.expressions} text={text} />
    </div>
  );
}

function Condition({ when, text }: { when: When | null; text: string }) {
  if (when === null) return <p>The rule has no condition: it holds for every delivery.</p>;
  const names = Object.keys(when.values);
  return (
    <div class="stack">
      <h3>
        Condition {when.holds === true && <Tag tone="good">holds</Tag>}
        {when.holds === false && <Tag tone="warn">does not hold</Tag>}
        {when.holds === null && <Tag tone="bad">cannot be evaluated</Tag>}
      </h3>
      <p class="mono">
        <OutsideText text={when.expression} />
      </p>
      {when.error !== null && (
        <p>
          <OutsideText text={when.error} />
        </p>
      )}
      {names.length > 0 && (
        <div class="table-wrap">
          <table class="pairs">
            <caption>What the condition saw</caption>
            <tbody>
              {names.map(name => (
                <tr key={name}>
                  <th scope="row" class="mono">
                    <OutsideText text={name} max={200} />
                  </th>
                  <td>
                    {isMissing(when.values[name]) ? (
                      <em>missing</em>
                    ) : (
                      <JsonTree text={rawField(text, "when", "values", name) ?? "null"} />
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function Parameters({ expressions, text }: { expressions: Record<string, unknown>; text: string }) {
  const names = Object.keys(expressions);
  if (names.length === 0) return <p>The rule has no parameters.</p>;
  return (
    <div class="table-wrap">
      <table class="responsive mapping">
        <caption>Each parameter, the expression that makes it, and its value</caption>
        <thead>
          <tr>
            <th scope="col">Parameter</th>
            <th scope="col">Expression</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {names.map(name => (
            <Parameter key={name} name={name} expression={expressions[name]} text={text} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Parameter({ name, expression, text }: { name: string; expression: unknown; text: string }) {
  const value = rawField(text, "params", name);
  return (
    <tr>
      <th scope="row" class="mono" data-label="Parameter">
        <OutsideText text={name} max={200} />
      </th>
      <td class="mono" data-label="Expression">
        {typeof expression === "string" ? (
          <OutsideText text={expression} />
        ) : (
          <JsonTree text={rawField(text, "expressions", name) ?? "null"} />
        )}
      </td>
      <td data-label="Value">{value === null ? <span class="muted">none</span> : <JsonTree text={value} />}</td>
    </tr>
  );
}

function isMissing(value: unknown): boolean {
  return typeof value === "object" && value !== null && "missing" in value && value.missing === true;
}
