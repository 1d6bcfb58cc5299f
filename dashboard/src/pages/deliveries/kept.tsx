// Deliveries that were ignored and kept: view one, and run it by the hook as it is configured now.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call, isAbort, withQuery } from "../../api/client";
import type { DeliveryView, KeptDelivery, KeptList, Receipt } from "../../api/types";
import { location } from "../../router";
import { Button, Dialog, Empty, ErrorBox } from "../../ui/controls";
import { count } from "../../ui/format";
import { Name } from "../../ui/ids";
import { Time } from "../../ui/time";
import { Body } from "../../values/body";
import { OutsideText } from "../../values/outside-text";
import { ReceiptView } from "../hooks/playground";

const PAGE_DELIVERIES = 20;

function keptPath(hook: string, kept?: string): string {
  const list = `/api/hooks/${encodeURIComponent(hook)}/ignored`;
  return kept === undefined ? list : `${list}/${encodeURIComponent(kept)}`;
}

interface KeptProps {
  hook: string;
  /** Whether the hook keeps what it ignores now: a hook that did before may have some still. */
  isKept: boolean;
}

/** The kept deliveries of a hook, read only when the reader asks for them: each reading costs a list of R2. */
export function KeptDeliveries({ hook, isKept }: KeptProps) {
  const isWanted = location.value.query.get("show") === "kept";
  const [kept, setKept] = useState<KeptDelivery[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isLoading, setLoading] = useState(false);
  const [open, setOpen] = useState<string | null>(null);
  const abort = useRef(new AbortController());
  useEffect(() => () => abort.current.abort(), []);

  const load = useCallback(
    async (from: string | null) => {
      setLoading(true);
      setError(null);
      try {
        const path = withQuery(keptPath(hook), { limit: PAGE_DELIVERIES, cursor: from });
        const { data } = await call<KeptList>(path, { signal: abort.current.signal });
        setKept(before => [...(from === null ? [] : (before ?? [])), ...data.kept]);
        setCursor(data.cursor);
      } catch (failure) {
        if (!isAbort(failure)) setError(failure);
      } finally {
        setLoading(false);
      }
    },
    [hook],
  );

  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!isWanted) return;
    title.current?.scrollIntoView();
    void load(null);
  }, [isWanted, load]);

  return (
    <section class="stack" aria-labelledby="kept-title">
      <div class="title-row">
        <h2 id="kept-title" ref={title}>
          Kept deliveries
        </h2>
        <Button onClick={() => void load(null)} disabled={isLoading} why="They are being read.">
          {isLoading ? "Reading…" : kept === null ? "Show" : "Refresh"}
        </Button>
      </div>
      <p class="muted">
        {isKept
          ? "This hook keeps each delivery that it ignores for seven days. Once the condition is mended, run them here."
          : "This hook does not keep what it ignores: keep_ignored is off. What it kept before is here until it expires."}
      </p>
      {error !== null && <ErrorBox error={error} />}
      {kept?.length === 0 && <Empty title="No ignored delivery is kept." />}
      {kept && kept.length > 0 && (
        <div class="table-wrap">
          <table class="responsive">
            <caption>{count(kept.length, "kept delivery", "kept deliveries")}, newest first</caption>
            <thead>
              <tr>
                <th scope="col">Received</th>
                <th scope="col">Kept until</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {kept.map(delivery => (
                <tr key={delivery.kept}>
                  <td data-label="Received">
                    <Time at={delivery.received_at} />
                  </td>
                  <td data-label="Kept until">
                    <Time at={delivery.expires_at} />
                  </td>
                  <td>
                    <Button
                      label={`View or run the delivery of ${delivery.received_at}`}
                      onClick={() => setOpen(delivery.kept)}
                    >
                      View or run
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {cursor !== null && (
        <div>
          <Button onClick={() => void load(cursor)} disabled={isLoading} why="They are being read.">
            Load more
          </Button>
        </div>
      )}
      {open !== null && <KeptDialog hook={hook} kept={open} onClose={() => setOpen(null)} />}
    </section>
  );
}

interface DialogProps {
  hook: string;
  kept: string;
  onClose: () => void;
}

/** Shows a kept delivery. Running it is confirmed by the button, beside the text that says what will happen. */
export function KeptDialog({ hook, kept, onClose }: DialogProps) {
  const [delivery, setDelivery] = useState<DeliveryView | null>(null);
  const [receipt, setReceipt] = useState<Receipt | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);

  useEffect(() => {
    const controller = new AbortController();
    call<DeliveryView>(keptPath(hook, kept), { signal: controller.signal }).then(
      ({ data }) => setDelivery(data),
      failure => {
        if (!isAbort(failure)) setError(failure);
      },
    );
    return () => controller.abort();
  }, [hook, kept]);

  async function run() {
    setBusy(true);
    setError(null);
    try {
      const answer = await call<Receipt>(`${keptPath(hook, kept)}/run`, { method: "POST" });
      setReceipt(answer.data);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  const canRun = delivery !== null && (receipt === null || receipt.status === "ignored");
  return (
    <Dialog
      title="An ignored delivery"
      onClose={onClose}
      actions={
        canRun && (
          <Button kind="primary" decides disabled={isBusy} why="It is being run." onClick={() => void run()}>
            {isBusy ? "Running…" : "Run it now"}
          </Button>
        )
      }
    >
      {error !== null && <ErrorBox error={error} />}
      {!delivery && error === null && <p role="status">Reading the delivery…</p>}
      {delivery && (
        <>
          <dl class="facts">
            <dt>Hook</dt>
            <dd>
              <Name text={delivery.hook} />
            </dd>
            <dt>Received</dt>
            <dd>
              <Time at={delivery.received_at} />
            </dd>
            <dt>Delivery id</dt>
            <dd>
              <Name text={delivery.delivery_id} max={300} />
            </dd>
          </dl>
          <details>
            <summary>{count(Object.keys(delivery.headers).length, "header")}</summary>
            <dl class="facts">
              {Object.entries(delivery.headers).map(([name, value]) => (
                <div key={name} class="fact">
                  <dt>
                    <Name text={name} />
                  </dt>
                  <dd>
                    <OutsideText text={value} max={300} />
                  </dd>
                </div>
              ))}
            </dl>
          </details>
          <Body body={delivery.body} contentType={delivery.headers["content-type"]} />
          {canRun && (
            <p>
              “Run it now” evaluates the delivery again by the hook as it is configured now. Each rule whose condition
              holds starts its workflow in Fabricate.
            </p>
          )}
        </>
      )}
      <div role="status">{receipt && <ReceiptView receipt={receipt} />}</div>
    </Dialog>
  );
}
