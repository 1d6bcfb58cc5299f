// Paste a payload, see what it would do, and start it by hand.
import { useMemo, useState } from "preact/hooks";
import { call, withQuery } from "../../api/client";
import type { DeliveryView, ReadableHook, Receipt, RunList } from "../../api/types";
import { session } from "../../session";
import { Button, ConfirmDialog, ErrorBox, toast } from "../../ui/controls";
import { count, formatBytes } from "../../ui/format";
import { RunLink, TargetName } from "../../ui/ids";
import { StatusBadge } from "../../ui/status";
import { readHeaders, whyNotByAccess } from "./headers";
import { PreviewView } from "./preview-view";
import { type Payload, type PreviewState, usePreview } from "./use-preview";

const CONTENT_TYPES = ["application/json", "application/x-www-form-urlencoded", "text/plain", "application/xml"];
const START_WAIT_SECONDS = 10;

export function Playground({ hook }: { hook: ReadableHook }) {
  const [body, setBody] = useState("");
  const [contentType, setContentType] = useState(CONTENT_TYPES[0] ?? "");
  const [typed, setTyped] = useState("");
  const { headers, problems } = useMemo(() => readHeaders(typed), [typed]);
  const bytes = useMemo(() => new TextEncoder().encode(body).length, [body]);
  const bytesMax = hook.max_body_bytes;
  const isTooLarge = bytes > bytesMax;
  const whyNot = whyNotSendable(contentType);
  // An empty payload is neither previewed nor started.
  const payload: Payload = { body: isTooLarge || whyNot !== null ? "" : body, contentType, headers };
  const state = usePreview(hook.hook, payload);

  return (
    <section class="stack" aria-labelledby="playground-title">
      <h2 id="playground-title">Playground</h2>
      <p>Paste a payload to see what it would do. Nothing is stored or started until you choose “Start by hand”.</p>
      <div class="columns">
        <div class="card">
          <LastDelivery
            hook={hook.hook}
            onFound={(text, type) => {
              setBody(text);
              if (type) setContentType(type);
            }}
          />
          <div class="field">
            <label for="payload">Payload</label>
            <textarea
              id="payload"
              rows={14}
              spellcheck={false}
              autocomplete="off"
              value={body}
              onInput={event => setBody(event.currentTarget.value)}
            />
            <span class={isTooLarge ? "row-error" : "muted"} role="status">
              {isTooLarge
                ? `${formatBytes(bytes)}: the hook takes at most ${formatBytes(bytesMax)}.`
                : formatBytes(bytes)}
            </span>
          </div>
          <div class="field">
            <label for="content-type">Content type</label>
            <input
              id="content-type"
              list="content-types"
              value={contentType}
              onInput={event => setContentType(event.currentTarget.value.replace(/[^\x20-\x7e]/g, ""))}
            />
            <datalist id="content-types">
              {CONTENT_TYPES.map(type => (
                <option key={type} value={type} />
              ))}
            </datalist>
          </div>
          <details>
            <summary>Headers</summary>
            <div class="field">
              <label for="headers">One on each line: Name: value. Authorization is the sender's.</label>
              <textarea
                id="headers"
                rows={4}
                spellcheck={false}
                value={typed}
                onInput={event => setTyped(event.currentTarget.value)}
              />
            </div>
          </details>
          {problems.map(problem => (
            <p key={problem} class="row-error">
              {problem}
            </p>
          ))}
        </div>
        <div class="stack">
          <Result state={state} isEmpty={payload.body === ""} isPossible={whyNot === null} />
          <StartByHand hook={hook} payload={payload} state={state} whyNot={whyNot} />
        </div>
      </div>
    </section>
  );
}

/** Why a payload of this content type cannot be sent, or `null`: with Access the Worker only takes calls that no form can make. */
function whyNotSendable(contentType: string): string | null {
  const current = session.value;
  const isByAccess = current.state === "signed-in" && current.session.signed_in_by === "access";
  return isByAccess ? whyNotByAccess(contentType) : null;
}

interface ResultProps {
  state: PreviewState;
  isEmpty: boolean;
  isPossible: boolean;
}

function Result({ state, isEmpty, isPossible }: ResultProps) {
  return (
    <div aria-busy={state.isLoading} class={state.isLoading ? "stack spin" : "stack"}>
      <p class="visually-hidden" role="status">
        {state.isLoading ? "" : (state.preview?.outcome ?? "")}
      </p>
      {isEmpty && isPossible && <p class="muted">The preview appears here.</p>}
      {!isEmpty && state.error !== null && <ErrorBox error={state.error} />}
      {!isEmpty && state.preview && <PreviewView preview={state.preview} text={state.text} />}
    </div>
  );
}

/** Puts the payload of the hook's newest run into the editor. */
function LastDelivery({
  hook,
  onFound,
}: {
  hook: string;
  onFound: (text: string, contentType: string | null) => void;
}) {
  const [isBusy, setBusy] = useState(false);
  async function load() {
    setBusy(true);
    try {
      const { data } = await call<RunList>(withQuery("/api/runs", { hook, limit: 1 }));
      const run = data.runs[0];
      if (!run) return toast("This hook has no run yet.", "bad");
      const delivery = await call<DeliveryView>(`/api/runs/${encodeURIComponent(run.run_id)}/delivery`);
      const { body, headers } = delivery.data;
      if ("text" in body) onFound(body.text, headers["content-type"] ?? null);
      else toast("The last delivery is not text.", "bad");
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "bad");
    } finally {
      setBusy(false);
    }
  }
  return (
    <div>
      <Button onClick={load} disabled={isBusy} why="It is being read.">
        Take the newest run's payload
      </Button>
    </div>
  );
}

interface StartProps {
  hook: ReadableHook;
  payload: Payload;
  state: PreviewState;
  /** Why the payload cannot be sent, or `null`. */
  whyNot: string | null;
}

function StartByHand({ hook, payload, state, whyNot }: StartProps) {
  /** The key of the confirmation that is open: repeating a call with it starts nothing twice. */
  const [key, setKey] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [receipt, setReceipt] = useState<Receipt | null>(null);
  const [error, setError] = useState<unknown>(null);
  const starting = state.preview?.runs.filter(run => run.starts) ?? [];
  const items = state.preview && "items" in state.preview ? state.preview.items : null;
  const why = isBusy ? "It is being started." : (whyNot ?? "The preview must show a run that starts.");

  async function start(idempotencyKey: string) {
    setKey(null);
    setBusy(true);
    setError(null);
    setReceipt(null);
    try {
      const { body, contentType, headers } = payload;
      const answer = await call<Receipt>(`/api/hooks/${encodeURIComponent(hook.hook)}/runs`, {
        method: "POST",
        body,
        contentType,
        headers: { ...headers, "idempotency-key": idempotencyKey },
        waitSeconds: START_WAIT_SECONDS,
      });
      setReceipt(answer.data);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      {whyNot !== null && (
        <p class="notice notice-warn" role="status">
          {whyNot}
        </p>
      )}
      <div>
        <Button
          kind="primary"
          decides
          disabled={starting.length === 0 || state.isLoading || isBusy}
          why={why}
          onClick={() => setKey(crypto.randomUUID())}
        >
          {isBusy ? "Starting…" : "Start by hand"}
        </Button>
      </div>
      {error !== null && <ErrorBox error={error} />}
      <div role="status">{receipt && <ReceiptView receipt={receipt} />}</div>
      {key !== null && (
        <ConfirmDialog
          title={`Start ${count(starting.length, "run")} by hand`}
          confirmLabel="Start"
          onConfirm={() => void start(key)}
          onClose={() => setKey(null)}
        >
          <p>The payload is taken as a new event of {hook.hook}, without a signature. Fabricate will run:</p>
          <ul>
            {starting.slice(0, 10).map(run => (
              <li key={`${run.item ?? ""}-${run.rule}`}>
                <TargetName target={run.target} />
              </li>
            ))}
          </ul>
          {starting.length > 10 && <p>and {starting.length - 10} more</p>}
          {items !== null && items > 10 && (
            <p>The payload is a batch of {items} items: every item counts, not only the first 10.</p>
          )}
        </ConfirmDialog>
      )}
    </>
  );
}

/** What came of a delivery that was started or run by hand. */
export function ReceiptView({ receipt }: { receipt: Receipt }) {
  if (receipt.status === "ignored") return <p class="notice notice-warn">Ignored: no rule's condition holds.</p>;
  return (
    <div class="notice notice-info">
      <p>
        {receipt.status === "duplicate"
          ? "This event was accepted before:"
          : `${count(receipt.runs.length, "run")} accepted:`}
      </p>
      <ul class="results">
        {receipt.runs.map(run => (
          <li key={run.run_id}>
            <RunLink id={run.run_id} /> <StatusBadge status={run.status} />
          </li>
        ))}
      </ul>
    </div>
  );
}
