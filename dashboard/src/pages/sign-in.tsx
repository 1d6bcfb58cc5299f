// The sign-in: asks for the token and says where to find it.
import { useRef, useState } from "preact/hooks";
import { describeSignInError, signIn } from "../session";
import { PageHeading } from "../ui/controls";

export function SignIn({ message }: { message: string | null }) {
  const [error, setError] = useState(message);
  const [isBusy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  async function submit(event: Event) {
    event.preventDefault();
    const token = input.current?.value.trim() ?? "";
    if (!/^[\x21-\x7e]+$/.test(token)) {
      setError(token ? "A token has only visible ASCII characters." : "Enter the token.");
      input.current?.focus();
      return;
    }
    setBusy(true);
    try {
      await signIn(token);
    } catch (failure) {
      setError(describeSignInError(failure));
      setBusy(false);
      input.current?.focus();
    }
  }

  return (
    <section class="sign-in">
      <PageHeading title="Sign in">Sign in</PageHeading>
      <div role="alert">{error && <p class="notice notice-warn">{error}</p>}</div>
      <form onSubmit={submit}>
        {/* Password managers keep a password only beside a name. */}
        <input
          class="visually-hidden"
          autocomplete="username"
          value="seedhook"
          readOnly
          tabIndex={-1}
          aria-hidden="true"
        />
        <label for="token">Token</label>
        <input
          id="token"
          ref={input}
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          aria-describedby="token-help"
        />
        <button type="submit" class="button button-primary" disabled={isBusy}>
          {isBusy ? "Signing in…" : "Sign in"}
        </button>
      </form>
      <div id="token-help" class="muted">
        <p>
          <code>OPERATOR_TOKEN</code> lets you see and decide everything; <code>READ_TOKEN</code> only lets you look.
        </p>
        <p>
          Locally the token is in <code>.dev.vars</code>. A deployed Worker has the one that was set with{" "}
          <code>npx wrangler secret put OPERATOR_TOKEN</code>. It cannot be read back: if it is lost, set a new one.
        </p>
        <p>
          Where the Worker is behind Cloudflare Access, <a href="/api/session">sign in there</a>, then come back to this
          page.
        </p>
        <p>The token stays in this tab and is forgotten when you close it.</p>
      </div>
    </section>
  );
}
