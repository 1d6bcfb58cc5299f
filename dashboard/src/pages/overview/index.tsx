// The start page: what waits for a person, how runs went, whether anything is wrong with the installation.
import { withQuery } from "../../api/client";
import { useQuery } from "../../api/query";
import type { HookList, Overview, RunStatus } from "../../api/types";
import { link, location, replaceHash } from "../../router";
import { Empty, ErrorBox, PageHeading } from "../../ui/controls";
import { count, formatDuration, formatShare } from "../../ui/format";
import { HookLink, RunLink } from "../../ui/ids";
import { Refresh } from "../../ui/refresh";
import { STATUS_ORDER, STATUSES, StatusBadge } from "../../ui/status";
import { Time } from "../../ui/time";
import { OutsideText } from "../../values/outside-text";
import { RunTable } from "../runs/table";
import { BarChart } from "./bar-chart";

const DAY_HOURS = 24;
const WEEK_HOURS = 168;
/** At most this many parked runs are shown here. */
const PARKED_SHOWN = 10;

export function OverviewPage() {
  const hours = location.value.query.get("hours") === String(WEEK_HOURS) ? WEEK_HOURS : DAY_HOURS;
  const overview = useQuery<Overview>(withQuery("/api/overview", { hours }));
  const hooks = useQuery<HookList>("/api/hooks");
  return (
    <>
      <div class="title-row">
        <PageHeading title="Overview">Overview</PageHeading>
        <div class="row">
          <PeriodSwitch hours={hours} />
          <Refresh
            fetchedAtMs={overview.fetchedAtMs}
            isLoading={overview.isLoading}
            onRefresh={() => {
              overview.refresh();
              hooks.refresh();
            }}
          />
        </div>
      </div>
      {overview.error !== null && <ErrorBox error={overview.error} onRetry={overview.refresh} />}
      {hooks.data && <Mistakes list={hooks.data} />}
      {hooks.error !== null && <ErrorBox error={hooks.error} onRetry={hooks.refresh} />}
      {overview.data ? (
        <Content overview={overview.data} hours={hours} hooks={hooks.data} />
      ) : (
        overview.error === null && <p role="status">Reading the overview…</p>
      )}
    </>
  );
}

function PeriodSwitch({ hours }: { hours: number }) {
  return (
    <fieldset class="switch">
      <legend class="visually-hidden">Period</legend>
      {[DAY_HOURS, WEEK_HOURS].map(value => (
        <label key={value} class={value === hours ? "is-on" : undefined}>
          <input
            type="radio"
            name="period"
            checked={value === hours}
            onChange={() => replaceHash(link("/overview", { hours: value === DAY_HOURS ? null : String(value) }))}
          />
          {value === DAY_HOURS ? "24 hours" : "7 days"}
        </label>
      ))}
    </fieldset>
  );
}

function Content({ overview, hours, hooks }: { overview: Overview; hours: number; hooks: HookList | null }) {
  const all = Object.values(overview.totals).reduce((sum, n) => sum + n, 0);
  return (
    <>
      <Sweeps sweeps={overview.sweeps} />
      <Targets targets={overview.targets} />
      <Parked overview={overview} />
      {all === 0 && hooks?.hooks.length === 0 ? (
        <Empty title="No hook is configured yet.">
          <p>Add a hook to wrangler.toml and deploy. docs/configuration.md shows how.</p>
        </Empty>
      ) : (
        <>
          <Totals overview={overview} hours={hours} />
          <Figures overview={overview} />
          <BarChart hours={overview.hours} />
          <HookTable overview={overview} hours={hours} />
        </>
      )}
      {!overview.is_complete && (
        <p class="notice notice-info">More than 5,000 runs ended in this time. Only the newest were counted.</p>
      )}
    </>
  );
}

function Mistakes({ list }: { list: HookList }) {
  const broken = list.hooks.filter(hook => hook.mistakes.length > 0);
  const mistakes = list.mistakes.length > 0 ? list.mistakes : broken.flatMap(hook => hook.mistakes);
  if (mistakes.length === 0) return null;
  return (
    <section class="notice notice-bad" aria-label="Configuration">
      <p>
        <strong>The configuration has {count(mistakes.length, "mistake")}.</strong>{" "}
        {broken.length > 0 && "These hooks refuse deliveries until it is mended and deployed: "}
        {broken.map((hook, index) => (
          <span key={hook.hook}>
            {index > 0 && ", "}
            <HookLink hook={hook.hook} />
          </span>
        ))}
      </p>
      <a href={link("/hooks")}>See each mistake and its remedy</a>
    </section>
  );
}

function Targets({ targets }: { targets: Overview["targets"] }) {
  const failing = targets.flatMap(({ name, failing }) => (failing ? [{ name, ...failing }] : []));
  if (failing.length === 0) return null;
  return (
    <section class="notice notice-warn" aria-label="Targets of notifications">
      <p>
        <strong>{count(failing.length, "target")} cannot be told of what happens.</strong> Messages are tried again for
        three days.
      </p>
      <ul>
        {failing.map(target => (
          <li key={target.name}>
            {target.name}: <OutsideText text={target.error} max={300} />, since <Time at={target.since} brief />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Sweeps({ sweeps }: { sweeps: Overview["sweeps"] }) {
  if (sweeps.overdue === 0) return null;
  return (
    <section class="notice notice-warn" aria-label="Sweeps">
      <p>
        <strong>
          {count(sweeps.overdue, "open run")} should have moved more than six minutes ago
          {sweeps.oldest_due_at && (
            <>
              , the oldest <Time at={sweeps.oldest_due_at} brief />
            </>
          )}
          .
        </strong>
      </p>
      <p>
        Sweeps do not run or cannot keep up, or Fabricate fails or refuses the key. Check that wrangler.toml has{" "}
        <code>crons = ["*/2 * * * *"]</code>, that the Worker's log has “sweep finished”, and that the day's KV lists
        are not used up.
      </p>
    </section>
  );
}

function Parked({ overview }: { overview: Overview }) {
  const total = overview.totals.unconfirmed;
  if (overview.parked.length === 0) return null;
  return (
    <section class="stack" aria-labelledby="parked-title">
      <h2 id="parked-title">Waiting for you: {count(total, "unconfirmed run")}</h2>
      <p>
        A start request was sent and no answer came, so nobody knows whether the workflow runs. Look in Fabricate. If it
        runs, open the run here and <strong>adopt</strong> its task; if it does not, <strong>retry</strong> or{" "}
        <strong>abandon</strong> the run.
      </p>
      <RunTable runs={overview.parked.slice(0, PARKED_SHOWN)} caption="Unconfirmed runs, newest first" />
      {total > PARKED_SHOWN && <a href={link("/runs", { status: "unconfirmed" })}>Show all {total}</a>}
    </section>
  );
}

function Totals({ overview, hours }: { overview: Overview; hours: number }) {
  const period = hours === WEEK_HOURS ? "week" : "day";
  return (
    <section aria-label="Runs by status" class="grid">
      {STATUS_ORDER.map(status => (
        <a key={status} class="tile" href={link("/runs", { status, period: isFinal(status) ? period : null })}>
          <span class="tile-number">{overview.totals[status].toLocaleString("en-US")}</span>
          <StatusBadge status={status} />
          <span class="muted tile-text">{STATUSES[status].meaning}</span>
        </a>
      ))}
    </section>
  );
}

/** Open runs are counted at any age, final ones in the period. */
function isFinal(status: RunStatus): boolean {
  return status === "completed" || status === "failed" || status === "canceled";
}

function Figures({ overview }: { overview: Overview }) {
  const times = overview.seconds_to_finish;
  const oldest = overview.oldest_open;
  return (
    <section aria-label="Figures" class="card">
      <dl class="figures">
        <div>
          <dt>Success rate</dt>
          <dd>{overview.success_rate === null ? "—" : formatShare(overview.success_rate)}</dd>
        </div>
        <div>
          <dt>Median time to finish</dt>
          <dd>{times ? formatDuration(times.median) : "—"}</dd>
        </div>
        <div>
          <dt>95 % finish within</dt>
          <dd>{times ? formatDuration(times.p95) : "—"}</dd>
        </div>
        <div>
          <dt>Oldest open run</dt>
          <dd>
            {oldest ? (
              <>
                <Time at={oldest.received_at} brief /> <RunLink id={oldest.run_id} />
              </>
            ) : (
              "none"
            )}
          </dd>
        </div>
      </dl>
    </section>
  );
}

function HookTable({ overview, hours }: { overview: Overview; hours: number }) {
  const hooks = Object.entries(overview.hooks);
  if (hooks.length === 0) return null;
  const period = hours === WEEK_HOURS ? "week" : "day";
  return (
    <div class="table-wrap">
      <table class="responsive">
        <caption>Runs of each hook, accepted in this time</caption>
        <thead>
          <tr>
            <th scope="col">Hook</th>
            <th scope="col" class="number">
              Completed
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col" class="number">
              Canceled
            </th>
            <th scope="col" class="number">
              Open
            </th>
            <th scope="col">Last accepted</th>
          </tr>
        </thead>
        <tbody>
          {hooks.map(([name, counts]) => (
            <tr key={name}>
              <th scope="row" data-label="Hook">
                <HookLink hook={name} />
              </th>
              {(["completed", "failed", "canceled"] as const).map(status => (
                <td key={status} class="number" data-label={STATUSES[status].word}>
                  {counts[status] > 0 ? (
                    <a href={link("/runs", { status, hook: name, period })}>{counts[status].toLocaleString("en-US")}</a>
                  ) : (
                    0
                  )}
                </td>
              ))}
              <td class="number" data-label="open">
                {counts.open.toLocaleString("en-US")}
              </td>
              <td data-label="Last">
                <Time at={counts.last_accepted_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
