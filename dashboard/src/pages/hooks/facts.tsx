// What a hook is: its state, mistakes, address, set-up and rules.
import type { Hook, Mistake, Rule } from "../../api/types";
import { Copy, LongText } from "../../ui/controls";
import { formatBytes, formatDuration } from "../../ui/format";
import { TargetName } from "../../ui/ids";
import { Tag } from "../../ui/status";

const STATES = {
  ready: { tone: "good", text: "ready" },
  paused: { tone: "warn", text: "paused" },
  broken: { tone: "bad", text: "broken" },
} as const;

export function HookState({ state }: { state: Hook["state"] }) {
  const known = STATES[state];
  return <Tag tone={known?.tone ?? "plain"}>{known?.text ?? String(state)}</Tag>;
}

/** The whole address that a sender calls. */
export function hookAddress(hook: Hook): string {
  return new URL(hook.url ?? `/hooks/${encodeURIComponent(hook.hook)}`, window.location.origin).href;
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
            <code>{mistake.path}</code>: <LongText text={mistake.problem} />
            <br />
            <strong>Remedy:</strong> <LongText text={mistake.remedy} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function SetUp({ hook }: { hook: Hook }) {
  const secrets = Array.isArray(hook.verify?.secret) ? (hook.verify.secret as unknown[]) : [];
  return (
    <section class="card" aria-labelledby="setup-title">
      <h2 id="setup-title">Set-up</h2>
      <p>The sender calls this address:</p>
      <Address hook={hook} />
      {hook.setup && hook.setup.length > 0 && (
        <ol class="steps">
          {hook.setup.map(step => (
            <li key={step}>
              <LongText text={step} />
            </li>
          ))}
        </ol>
      )}
      {hook.verification_token && (
        <div class="notice notice-info">
          <p>
            The sender offered this verification token in a handshake. Store it as the hook's secret
            {typeof secrets[0] === "string" && (
              <>
                : <code>npx wrangler secret put {secrets[0]}</code>
              </>
            )}
          </p>
          <div class="row">
            <code class="address">{hook.verification_token}</code>
            <Copy text={hook.verification_token} what="the token" />
          </div>
        </div>
      )}
      <dl class="facts">
        <dt>Sender</dt>
        <dd>{hook.sender ?? "not a built-in one"}</dd>
        {hook.verify && (
          <>
            <dt>Verification</dt>
            <dd>
              {hook.verify.scheme}
              {secrets.length > 0 && (
                <>
                  , secret{secrets.length > 1 && "s"} <code>{secrets.map(String).join(", ")}</code>
                </>
              )}
            </dd>
          </>
        )}
        {hook.max_body_bytes !== undefined && (
          <>
            <dt>Largest body</dt>
            <dd>{formatBytes(hook.max_body_bytes)}</dd>
          </>
        )}
        {hook.share !== undefined && (
          <>
            <dt>Status links</dt>
            <dd>{SHARES[hook.share] ?? hook.share}</dd>
          </>
        )}
        {hook.keep_ignored !== undefined && (
          <>
            <dt>Ignored deliveries</dt>
            <dd>{hook.keep_ignored ? "kept, and can be run later" : "not kept (keep_ignored is off)"}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

const SHARES = {
  none: "none",
  status: "the sender can follow its run",
  files: "the sender can follow its run and download its files",
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
              <td data-label="Condition">{rule.when ? <code>{rule.when}</code> : "every event"}</td>
              <td data-label="Workflow">
                <TargetName target={rule.target} />
              </td>
              <td data-label="No answer">{rule.on_unconfirmed}</td>
              <td data-label="Redelivery">{rule.on_redelivery}</td>
              <td data-label="Deadline">{formatDuration(rule.deadline_seconds)}</td>
              <td data-label="Files">{rule.archive ? <code>{rule.archive}</code> : "not archived"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
