// The page of one hook.
import { useQuery } from "../../api/query";
import type { HookList, Overview } from "../../api/types";
import { link } from "../../router";
import { Empty, ErrorBox, PageHeading } from "../../ui/controls";
import { Name } from "../../ui/ids";
import { Refresh } from "../../ui/refresh";
import { KeptDeliveries } from "../deliveries/kept";
import { HookState, isReadable, Mistakes, Rules, SetUp } from "./facts";
import { COUNTS_PATH, Counts } from "./index";
import { Playground } from "./playground";

export function HookPage({ name }: { name: string }) {
  const hooks = useQuery<HookList>("/api/hooks");
  const overview = useQuery<Overview>(COUNTS_PATH);
  const hook = hooks.data?.hooks.find(candidate => candidate.hook === name);
  return (
    <>
      <div class="title-row">
        <PageHeading title={`Hook ${name.slice(0, 60)}`}>
          Hook <Name text={name} max={200} /> {hook && <HookState state={hook.state} />}
        </PageHeading>
        <Refresh
          fetchedAtMs={hooks.fetchedAtMs}
          isLoading={hooks.isLoading}
          onRefresh={() => {
            hooks.refresh();
            overview.refresh();
          }}
        />
      </div>
      {hooks.error !== null && <ErrorBox error={hooks.error} onRetry={hooks.refresh} />}
      {!hooks.data && hooks.error === null && <p role="status">Reading the hook…</p>}
      {hooks.data && !hook && (
        <Empty title="There is no hook with this name.">
          <p>It was removed from the configuration, or the name is wrong.</p>
          <a href={link("/hooks")}>All hooks</a>
        </Empty>
      )}
      {hook && (
        <>
          <Mistakes mistakes={hook.mistakes} title="This hook has mistakes in its configuration" />
          {hook.state === "paused" && (
            <p class="notice notice-warn">
              The hook is paused: senders are answered 503, and most of them try again later.
            </p>
          )}
          <Counts hook={hook.hook} counts={overview.data?.hooks[hook.hook]} />
          <p class="row">
            <a href={link("/runs", { hook: hook.hook })}>Its runs</a>
            <a href={link("/deliveries", { hook: hook.hook })}>Its refused and ignored deliveries</a>
          </p>
          {isReadable(hook) && (
            <>
              <SetUp hook={hook} />
              <Rules rules={hook.rules} />
              <KeptDeliveries hook={hook.hook} isKept={hook.keep_ignored} />
            </>
          )}
          {isReadable(hook) && hook.state !== "broken" ? (
            <Playground hook={hook} />
          ) : (
            <p class="muted">The playground works once the mistakes are mended.</p>
          )}
        </>
      )}
    </>
  );
}
