// What a hook is: its state, mistakes, address, set-up and rules.
import type { Hook, Mistake, ReadableHook, Rule } from "../../api/types";
import { Copy } from "../../ui/controls";
import { formatBytes, formatDuration } from "../../ui/format";
import { TargetName } from "../../ui/ids";
import { Tag } from "../../ui/status";
import { Time } from "../../ui/time";
import { OutsideText } from "../../values/outside-text";
import { visible } from "../../values/text";

const STATES = {
  ready: { tone: "good", text: "ready" },
  paused: { tone: "warn", text: "paused" },
  broken: { tone: "bad", text: "broken" },
} as const;

export function HookState({ state }: { state: Hook["state"] }) {
  const known = STATES[state];
  return <Tag tone={known?.tone ?? "plain"}>{known?.text ?? String(state)}</Tag>;
}

/** Whether the configuration of a hook could be read. */
export function isReadable(hook: Hook): hook is ReadableHook {
  return "url" in hook;
}

/** The whole address that a sender calls. */
export function hookAddress(hook: Hook): string {
  const path = isReadable(hook) ? hook.url : `/hooks/${encodeURIComponent(hook.hook)}`;
  return new URL(path, window.location.origin).href;
}

export function Address({ hook }: { hook: Hook }) {
  const address = hookAddress(hook);
  return (
    <div class="row">
      <code class="address">{address}</code>
      <Copy text={address} what={`the address of ${hook.hook}`} />
    </div>
  );
}

export function Mistakes({ mistakes, title }: { mistakes: Mistake[]; title: string }) {
  if (mistakes.length === 0) return null;
  return (
    <section class="notice notice-bad" aria-label={title}>
      <p>
        <strong>{title}</strong>
      </p>
      <ul class="mistakes">
        {mistakes.map(mistake => (
          <li key={`${mistake.path}${mistake.problem}`}>
            <code>{visible(mistake.path)}</code>: <OutsideText text={mistake.problem} />
            <br />
            <strong>Remedy:</strong> <OutsideText text={mistake.remedy} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** How the sender is connected: the address, the steps, and what the hook does with what arrives. */
export function SetUp({ hook }: { hook: ReadableHook }) {
  return (
    <section class="card" aria-labelledby="setup-title">
      <h2 id="setup-title">Set-up</h2>
      {hook.schedule && <Scheduled schedule={hook.schedule} />}
      {hasSender(hook) && (
        <>
          <p>The sender calls this address:</p>
          <Address hook={hook} />
        </>
      )}
      {hook.setup.length > 0 && (
        <>
          <h3 id="steps-title">{hasSender(hook) ? "Connect the sender" : "Sender"}</h3>
          <ol class="steps" aria-labelledby="steps-title">
            {hook.setup.map((step, index) => (
              <li key={index}>
                <Step text={step} />
              </li>
            ))}
          </ol>
        </>
      )}
      <VerificationToken hook={hook} />
      <SetUpFacts hook={hook} />
    </section>
  );
}

/** Whether anybody may call the hook; otherwise only its schedule starts runs. */
function hasSender(hook: ReadableHook): boolean {
  return hook.verify.scheme !== "schedule";
}

function Scheduled({ schedule }: { schedule: NonNullable<ReadableHook["schedule"]> }) {
  return (
    <p>
      Runs by itself: <code>{visible(schedule.cron)}</code> at UTC{schedule.offset}. Next:{" "}
      {schedule.next.map((time, index) => (
        <span key={time}>
          {index > 0 && ", "}
          <Time at={time} />
        </span>
      ))}
    </p>
  );
}

/** A step, whose commands and values stand between backticks. */
function Step({ text }: { text: string }) {
  return (
    <>
      {text
        .split("`")
        .map((part, index) => (index % 2 === 1 ? <code key={index}>{visible(part)}</code> : visible(part)))}
    </>
  );
}

function VerificationToken({ hook }: { hook: ReadableHook }) {
  if (hook.verification_token === null) return null;
  const secret = hook.verify.secret[0];
  return (
    <div class="notice notice-info">
      <p>
        The sender offered this verification token in a handshake. Store it as the hook's secret
        {secret !== undefined && (
          <>
            : <code>npx wrangler secret put {visible(secret)}</code>
          </>
        )}
      </p>
      <div class="row">
        <code class="address">{visible(hook.verification_token)}</code>
        <Copy text={hook.verification_token} what="the token" />
      </div>
    </div>
  );
}

function SetUpFacts({ hook }: { hook: ReadableHook }) {
  const secrets = hook.verify.secret;
  return (
    <dl class="facts">
      <dt>Sender</dt>
      <dd>{hook.sender ?? "not a built-in one"}</dd>
      <dt>Verification</dt>
      <dd>
        {hook.verify.scheme}
        {secrets.length > 0 && (
          <>
            , secret{secrets.length > 1 && "s"} <code>{visible(secrets.join(", "))}</code>
          </>
        )}
      </dd>
      <dt>Largest body</dt>
      <dd>{formatBytes(hook.max_body_bytes)}</dd>
      <dt>Runs in progress</dt>
      <dd>{hook.max_running === undefined ? "no limit of its own" : `at most ${hook.max_running}`}</dd>
      <dt>Status links</dt>
      <dd>{SHARES[hook.share] ?? hook.share}</dd>
      <dt>Ignored deliveries</dt>
      <dd>
        {hook.keep_ignored
          ? "kept for seven days: see below"
          : "not kept; keep_ignored = true keeps them for seven days, so that they can be run later"}
      </dd>
    </dl>
  );
}

/** An expression or a pattern of the configuration. */
export function Code({ text }: { text: string }) {
  return (
    <code>
      <OutsideText text={text} max={500} />
    </code>
  );
}

const SHARES = {
  none: "none",
  status: "the sender can follow its run",
  files: "the sender can follow its run and download its files",
} as const;

/** Which runs of a rule wait for each other. */
function OneAtATime({ rule }: { rule: Rule }) {
  if (rule.concurrency === undefined) return null;
  const debounce = rule.debounce_seconds === undefined ? "" : `, debounced by ${formatDuration(rule.debounce_seconds)}`;
  return (
    <div class="muted">
      one at a time: <Code text={rule.concurrency} /> ({BUSY[rule.when_busy ?? "wait"]}
      {debounce})
    </div>
  );
}

const BUSY = {
  wait: "others wait",
  replace: "a newer run replaces those that wait",
  skip: "others are skipped",
} as const;

export function Rules({ rules }: { rules: Rule[] }) {
  if (rules.length === 0) return null;
  return (
    <div class="table-wrap">
      <table class="responsive">
        <caption>Rules: each one whose condition holds starts its workflow</caption>
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col">Condition</th>
            <th scope="col">Workflow</th>
            <th scope="col">No answer to a start</th>
            <th scope="col">Redelivery</th>
            <th scope="col">Deadline</th>
            <th scope="col">Files</th>
          </tr>
        </thead>
        <tbody>
          {rules.map((rule, index) => (
            <tr key={index}>
              <th scope="row" data-label="Rule">
                {index + 1}
              </th>
              <td data-label="Condition">{rule.when === null ? "every event" : <Code text={rule.when} />}</td>
              <td data-label="Workflow">
                <TargetName target={rule.target} />
                <OneAtATime rule={rule} />
              </td>
              <td data-label="No answer">{rule.on_unconfirmed}</td>
              <td data-label="Redelivery">{rule.on_redelivery}</td>
              <td data-label="Deadline">{formatDuration(rule.deadline_seconds)}</td>
              <td data-label="Files">
                <Code text={rule.archive} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
