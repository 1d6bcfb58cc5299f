// The delivery as it came: headers, query, body.
import { ApiError } from "../../api/client";
import type { DeliveryView } from "../../api/types";
import { ErrorBox } from "../../ui/controls";
import { Time } from "../../ui/time";
import { Body } from "../../values/body";
import { OutsideText } from "../../values/outside-text";
import { runPath, useLoad } from "./load";
import { Facts } from "./section";

/** A delivery is stored for a time only. */
export const DELIVERY_EXPIRED =
  "The stored delivery has expired and was removed. So the run cannot be retried, and its mapping cannot be shown.";

export function Delivery({ runId }: { runId: string }) {
  const [load, again] = useLoad<DeliveryView>(runPath(runId, "delivery"));
  if (load.state === "loading") return <p role="status">Loading the delivery…</p>;
  if (load.state === "failed") {
    const isExpired = load.error instanceof ApiError && load.error.status === 410;
    return isExpired ? <p>{DELIVERY_EXPIRED}</p> : <ErrorBox error={load.error} onRetry={again} />;
  }
  const delivery = load.answer.data;
  const contentType = Object.entries(delivery.headers).find(([name]) => name.toLowerCase() === "content-type")?.[1];
  return (
    <div class="stack">
      <Facts rows={[["Arrived", <Time key="at" at={delivery.received_at} />]]} />
      <Pairs
        caption="Headers; those that prove who calls are left out"
        pairs={delivery.headers}
        none="No headers are stored."
      />
      <Pairs caption="Query parameters" pairs={delivery.query} none="It has no query parameters." />
      <h3>Body</h3>
      <Body body={delivery.body} contentType={contentType} />
    </div>
  );
}

function Pairs({ caption, pairs, none }: { caption: string; pairs: Record<string, string>; none: string }) {
  const entries = Object.entries(pairs);
  if (entries.length === 0) return <p class="muted">{none}</p>;
  return (
    <div class="table-wrap">
      <table class="pairs">
        <caption>{caption}</caption>
        <tbody>
          {entries.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">
                <OutsideText text={name} max={200} />
              </th>
              <td class="mono">
                <OutsideText text={value} max={500} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
