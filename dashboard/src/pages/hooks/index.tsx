// The page of all hooks: where senders call, and whether each hook works.
import { useQuery } from "../../api/query";
import type { Hook, HookList, Overview, OverviewHook, RecentDeliveries, RecentDelivery } from "../../api/types";
import { hookLink, keptLink, link } from "../../router";
import { Empty, ErrorBox, PageHeading } from "../../ui/controls";
import { HookLink } from "../../ui/ids";
import { Refresh } from "../../ui/refresh";
import { STATUSES, Tag } from "../../ui/status";
import { Time } from "../../ui/time";
import { Address, HookState, isReadable, Mistakes } from "./facts";

/** The counts of the last 24 hours; the overview uses the same call. */
export const COUNTS_PATH = "/api/overview?hours=24";
export const DELIVERIES_PATH = "/api/deliveries";

export function HooksPage() {
  const hooks = useQuery<HookList>("/api/hooks");
  const overview = useQuery<Overview>(COUNTS_PATH);
  const deliveries = useQuery<RecentDeliveries>(DELIVERIES_PATH);
  const list = hooks.data;
  const general = list ? generalMistakes(list) : [];
  return (
    <>
      <div class="title-row">
        <PageHeading title="Hooks">Hooks</PageHeading>
        <Refresh
          fetchedAtMs={hooks.fetchedAtMs}
          isLoading={hooks.isLoading}
          onRefresh={() => {
            hooks.refresh();
            overview.refresh();
            deliveries.refresh();
          }}
        />
      </div>
      {hooks.error !== null && <ErrorBox error={hooks.error} onRetry={hooks.refresh} />}
      {overview.error !== null && <ErrorBox error={overview.error} onRetry={overview.refresh} />}
      <Mistakes mistakes={general} title="Mistakes in the configuration" />
      {!list && hooks.error === null && <p role="status">Reading the hooks…</p>}
      {list?.hooks.length === 0 && (
        <Empty title="No hook is configured yet.">
          <p>Add one to wrangler.toml and deploy. docs/configuration.md shows how.</p>
        </Empty>
      )}
      {list?.hooks.map(hook => (
        <HookCard
          key={hook.hook}
          hook={hook}
          counts={overview.data?.hooks[hook.hook]}
          last={deliveries.data?.deliveries.find(delivery => delivery.hook === hook.hook)}
        />
      ))}
    </>
  );
}

/** The mistakes that belong to no hook. */
function generalMistakes(list: HookList) {
  const ofHooks = new Set(
    list.hooks.flatMap(hook => hook.mistakes.map(mistake => `${mistake.path}\n${mistake.problem}`)),
  );
  return list.mistakes.filter(mistake => !ofHooks.has(`${mistake.path}\n${mistake.problem}`));
}

interface CardProps {
  hook: Hook;
  counts: OverviewHook | undefined;
  last: RecentDelivery | undefined;
}

function HookCard({ hook, counts, last }: CardProps) {
  return (
    <section class="card" aria-label={`Hook ${hook.hook}`}>
      <div class="title-row">
        <h2 class="row">
          <HookLink hook={hook.hook} />
          <HookState state={hook.state} />
          {isReadable(hook) && hook.sender && <Tag tone="plain">{hook.sender}</Tag>}
        </h2>
        <p class="row">
          {isReadable(hook) && <a href={hookLink(hook.hook)}>Set-up and playground</a>}
          <a href={link("/runs", { hook: hook.hook })}>Its runs</a>
          {isReadable(hook) && hook.keep_ignored && <a href={keptLink(hook.hook)}>Kept deliveries</a>}
        </p>
      </div>
      <Address hook={hook} />
      <Mistakes mistakes={hook.mistakes} title={`Mistakes of ${hook.hook}`} />
      <Counts hook={hook.hook} counts={counts} />
      {last && (
        <p>
          Last {last.outcome} delivery: <Time at={last.at} /> <a href={link("/deliveries", { hook: hook.hook })}>why</a>
        </p>
      )}
    </section>
  );
}

/** How the runs of a hook went in the last 24 hours. */
export function Counts({ hook, counts }: { hook: string; counts: OverviewHook | undefined }) {
  if (!counts) return null;
  return (
    <p class="row">
      <span>Last 24 hours:</span>
      {(["completed", "failed", "canceled"] as const).map(status => (
        <a key={status} href={link("/runs", { hook, status, period: "day" })}>
          {counts[status].toLocaleString("en-US")} {STATUSES[status].word}
        </a>
      ))}
      <a href={link("/runs", { hook, status: "unconfirmed,queued,in_progress,archiving" })}>{counts.open} open</a>
      <span>
        last accepted: <Time at={counts.last_accepted_at} />
      </span>
    </p>
  );
}
