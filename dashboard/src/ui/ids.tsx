// Ids and names from outside, as links and isolated texts.
import type { AnyRun, Target } from "../api/types";
import { hookLink, runLink } from "../router";
import { plainName } from "../values/text";
import { cut } from "./format";

/** Names longer than this are cut in tables. */
const NAME_CHARS = 120;

/** A run's id, shortened, as a link to its page. */
export function RunLink({ id }: { id: string }) {
  const short = id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-6)}` : id;
  return (
    <a class="mono nowrap-text" href={runLink(id)} title={id}>
      {short}
    </a>
  );
}

/** A hook's name as a link to its page. */
export function HookLink({ hook }: { hook: string }) {
  return (
    <a href={hookLink(hook)}>
      <Name text={hook} />
    </a>
  );
}

/** A name from outside: isolated, with characters that reorder or hide text written out, and cut. */
export function Name({ text, max = NAME_CHARS }: { text: string; max?: number }) {
  const start = cut(text, max);
  const isCut = start.length < text.length;
  return (
    <bdi title={isCut ? plainName(cut(text, 1_000)) : undefined}>
      {plainName(start)}
      {isCut && "…"}
    </bdi>
  );
}

/** What a run or a rule starts: workspace, database or project, workflow. */
export function TargetName({ target }: { target: Target | AnyRun }) {
  const container = [target.workspace, containerOf(target)].join(" / ");
  return (
    <span>
      <Name text={target.workflow} />
      <span class="muted">
        {" "}
        in <Name text={container} />
      </span>
    </span>
  );
}

/** The database or project that has the workflow. */
export function containerOf(target: Target | AnyRun): string {
  return "database" in target ? target.database : target.project;
}
