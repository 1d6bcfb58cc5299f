// "Why did my webhook not arrive?": the deliveries that were refused or ignored, and what to do about each.
import { useState } from "preact/hooks";
import { adviceForDelivery } from "../../api/advice";
import { useQuery } from "../../api/query";
import type { HookList, RecentDeliveries, RecentDelivery } from "../../api/types";
import { location, replaceHash } from "../../router";
import { Button, Empty, ErrorBox, PageHeading } from "../../ui/controls";
import { count, formatBytes } from "../../ui/format";
import { HookSelect } from "../../ui/hook-select";
import { HookLink, Name } from "../../ui/ids";
import { Refresh } from "../../ui/refresh";
import { Tag } from "../../ui/status";
import { Time } from "../../ui/time";
import { OutsideText } from "../../values/outside-text";
import { type DeliveryFilters, deliveriesPath, readFilters, writeFilters } from "./filters";
import { KeptDialog } from "./kept";

/** Rows shown at first, and added by "show more". */
const ROWS_STEP = 50;

export function DeliveriesPage() {
  const filters = readFilters(location.value.query);
  const query = useQuery<RecentDeliveries>(deliveriesPath(filters));
  const hooks = useQuery<HookList>("/api/hooks").data?.hooks.map(hook => hook.hook) ?? [];
  const change = (next: DeliveryFilters) => replaceHash(writeFilters(next));
  const deliveries = query.data?.deliveries ?? null;
  return (
    <>
      <div class="title-row">
        <PageHeading title="Deliveries">Refused and ignored deliveries</PageHeading>
        <Refresh fetchedAtMs={query.fetchedAtMs} isLoading={query.isLoading} onRefresh={query.refresh} />
      </div>
      <p class="muted">
        Why did a webhook not become a run? These are the newest deliveries that made none. One may appear a minute
        late. A delivery that is neither here nor among the runs did not reach this Worker: look in the sender's log.
      </p>
      <FilterForm filters={filters} hooks={hooks} seen={deliveries ?? []} onChange={change} />
      {query.error !== null && <ErrorBox error={query.error} onRetry={query.refresh} />}
      {deliveries === null && query.error === null && <p role="status">Reading the deliveries…</p>}
      {deliveries?.length === 0 && (
        <Empty
          title={
            filters.hook || filters.outcome ? "No delivery fits these filters." : "Nothing was refused or ignored."
          }
        >
          <p>If you expect a webhook, compare the address at the sender with the one on the Hooks page.</p>
        </Empty>
      )}
      {deliveries && deliveries.length > 0 && (
        <DeliveryTable key={writeFilters(filters)} deliveries={deliveries} hooks={hooks} />
      )}
    </>
  );
}

interface FilterProps {
  filters: DeliveryFilters;
  hooks: string[];
  seen: RecentDelivery[];
  onChange: (filters: DeliveryFilters) => void;
}

/** The most names of the hook filter: deliveries may name hooks that do not exist. */
const NAMES_MAX = 300;

function FilterForm({ filters, hooks, seen, onChange }: FilterProps) {
  const all = [...hooks, ...seen.map(delivery => delivery.hook), filters.hook].filter(Boolean);
  const names = [...new Set(all)].slice(0, NAMES_MAX);
  return (
    <section class="card" aria-label="Filters">
      <div class="row filters">
        <HookSelect
          id="delivery-hook"
          names={names}
          value={filters.hook}
          onChange={hook => onChange({ ...filters, hook })}
        />
        <div class="field">
          <label for="delivery-outcome">Outcome</label>
          <select
            id="delivery-outcome"
            value={filters.outcome}
            onChange={event =>
              onChange({ ...filters, outcome: event.currentTarget.value as DeliveryFilters["outcome"] })
            }
          >
            <option value="">refused and ignored</option>
            <option value="refused">refused</option>
            <option value="ignored">ignored</option>
          </select>
        </div>
      </div>
    </section>
  );
}

function DeliveryTable({ deliveries, hooks }: { deliveries: RecentDelivery[]; hooks: string[] }) {
  const [shown, setShown] = useState(ROWS_STEP);
  const [open, setOpen] = useState<RecentDelivery | null>(null);
  const rest = deliveries.length - shown;
  return (
    <>
      <div class="table-wrap">
        <table class="responsive">
          <caption>{count(deliveries.length, "delivery", "deliveries")}, newest first</caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Hook</th>
              <th scope="col">Outcome</th>
              <th scope="col">Reason</th>
              <th scope="col">What to do</th>
            </tr>
          </thead>
          <tbody>
            {deliveries.slice(0, shown).map((delivery, index) => (
              <Row
                key={index}
                delivery={delivery}
                isHook={hooks.includes(delivery.hook)}
                onOpen={() => setOpen(delivery)}
              />
            ))}
          </tbody>
        </table>
      </div>
      {rest > 0 && (
        <div>
          <Button onClick={() => setShown(shown + ROWS_STEP)}>Show {Math.min(rest, ROWS_STEP)} more</Button>
        </div>
      )}
      {open?.kept && <KeptDialog hook={open.hook} kept={open.kept} onClose={() => setOpen(null)} />}
    </>
  );
}

function Row({ delivery, isHook, onOpen }: { delivery: RecentDelivery; isHook: boolean; onOpen: () => void }) {
  const isKept = delivery.kept !== null;
  return (
    <tr>
      <td data-label="Time">
        <Time at={delivery.at} />
      </td>
      <td data-label="Hook">{isHook ? <HookLink hook={delivery.hook} /> : <Name text={delivery.hook} />}</td>
      <td data-label="Outcome">
        <div>
          <Tag tone={delivery.outcome === "refused" ? "bad" : "plain"}>
            {delivery.outcome} {delivery.status}
          </Tag>
          {delivery.problem && <div class="muted">{delivery.problem}</div>}
        </div>
      </td>
      <td data-label="Reason">
        <div class="stack-tight">
          <div>
            <OutsideText text={delivery.reason} max={300} />
          </div>
          <Facts delivery={delivery} />
        </div>
      </td>
      <td data-label="What to do">
        <div class="stack-tight">
          <div>{adviceForDelivery(delivery.outcome, delivery.problem, isKept)}</div>
          {isKept && (
            <div>
              <Button label={`View or run the delivery of ${delivery.at}`} onClick={onOpen}>
                View or run
              </Button>
            </div>
          )}
        </div>
      </td>
    </tr>
  );
}

/** What arrived, without its content: enough to recognise the sender. */
function Facts({ delivery }: { delivery: RecentDelivery }) {
  const size = delivery.bytes === null ? null : formatBytes(delivery.bytes);
  return (
    <details class="muted">
      <summary>What arrived</summary>
      <dl class="facts">
        {delivery.delivery_id !== null && (
          <>
            <dt>Delivery id</dt>
            <dd>
              <Name text={delivery.delivery_id} max={300} />
            </dd>
          </>
        )}
        <dt>Content type</dt>
        <dd>{delivery.content_type === null ? "none" : <Name text={delivery.content_type} max={300} />}</dd>
        <dt>Size</dt>
        <dd>{size ?? "unknown"}</dd>
        <dt>Headers</dt>
        <dd>
          {delivery.header_names.length === 0 ? (
            "none"
          ) : (
            <OutsideText text={delivery.header_names.join(", ")} max={500} />
          )}
        </dd>
      </dl>
    </details>
  );
}
