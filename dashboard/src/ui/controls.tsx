// Buttons, dialogs and messages that every page uses.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { adviceFor } from "../api/advice";
import { ApiError } from "../api/client";
import { whyReadOnly } from "../session";
import { visible } from "../values/text";

interface ButtonProps {
  onClick: () => void;
  children: ComponentChildren;
  kind?: "primary" | "danger" | "plain";
  /** The call decides something: disabled for a reader, with the reason. */
  decides?: boolean;
  disabled?: boolean;
  /** Why it is disabled. */
  why?: string | null;
  label?: string;
}

/** A button. A disabled one stays focusable and says why. */
export function Button({
  onClick,
  children,
  kind = "plain",
  decides = false,
  disabled = false,
  why,
  label,
}: ButtonProps) {
  const id = useId();
  const readOnly = decides ? whyReadOnly.value : null;
  const isDisabled = disabled || readOnly !== null;
  const reason = readOnly ?? (disabled ? (why ?? null) : null);
  return (
    <>
      <button
        type="button"
        class={`button button-${kind}`}
        aria-disabled={isDisabled || undefined}
        aria-label={label}
        aria-describedby={reason ? id : undefined}
        title={reason ?? undefined}
        onClick={() => {
          if (!isDisabled) onClick();
        }}
      >
        {children}
      </button>
      {reason && (
        <span id={id} class="visually-hidden">
          {reason}
        </span>
      )}
    </>
  );
}

/** Copies a text and says so. */
export function Copy({ text, what }: { text: string; what: string }) {
  return (
    <Button
      label={`Copy ${what}`}
      onClick={() => {
        navigator.clipboard.writeText(text).then(
          () => toast(`Copied ${what}`),
          () => toast(`Your browser does not let this page copy. Select ${what} and copy it yourself.`, "bad"),
        );
      }}
    >
      Copy
    </Button>
  );
}

interface ConfirmProps {
  title: string;
  confirmLabel: string;
  onConfirm: () => void;
  onClose: () => void;
  danger?: boolean;
  children: ComponentChildren;
}

/** Asks before something is done. It is open as long as it is rendered; Escape and Cancel call `onClose`. */
export function ConfirmDialog({ title, confirmLabel, onConfirm, onClose, danger = false, children }: ConfirmProps) {
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <Button kind={danger ? "danger" : "primary"} onClick={onConfirm}>
          {confirmLabel}
        </Button>
      }
      closeLabel="Cancel"
    >
      {children}
    </Dialog>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  actions?: ComponentChildren;
  closeLabel?: string;
  children: ComponentChildren;
}

/** A modal dialog, open as long as it is rendered. Focus returns to where it was. */
export function Dialog({ title, onClose, actions, closeLabel = "Close", children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={event => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      <div class="dialog-body">{children}</div>
      <div class="actions">
        <Button onClick={onClose}>{closeLabel}</Button>
        {actions}
      </div>
    </dialog>
  );
}

interface ToastMessage {
  id: number;
  text: string;
  tone: "good" | "bad";
}

const TOAST_MS = 8_000;
const TOASTS_MAX = 4;
const toasts = signal<ToastMessage[]>([]);
let nextToast = 0;

/** Shows a message for eight seconds; screen readers read it out. */
export function toast(text: string, tone: "good" | "bad" = "good") {
  const id = nextToast++;
  toasts.value = [...toasts.value, { id, text, tone }].slice(-TOASTS_MAX);
  setTimeout(() => {
    toasts.value = toasts.value.filter(message => message.id !== id);
  }, TOAST_MS);
}

/** Where toasts appear; rendered once. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(message => (
        <p key={message.id} class={`toast toast-${message.tone}`}>
          <bdi>{visible(message.text)}</bdi>
        </p>
      ))}
    </div>
  );
}

/** What is shown where there is nothing. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** An error with what to do about it. */
export function ErrorBox({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const known = error instanceof ApiError ? error : null;
  const advice = known ? adviceFor(known.problem) : "Reload the page. If it happens again, please report it.";
  return (
    <div class="notice notice-bad" role="alert">
      <p>
        <strong>{known?.title ?? "Something went wrong in this page"}</strong>
      </p>
      <p>
        <bdi>{visible(known?.message ?? String(error))}</bdi>
      </p>
      {advice && <p>{advice}</p>}
      {onRetry && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}

/** The heading of a page: names the tab, and takes the focus after a navigation. */
export function PageHeading({ children, title }: { children: ComponentChildren; title: string }) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${visible(title)} · seedhook`;
    if (hasNavigated) ref.current?.focus();
    hasNavigated = true;
  }, [title]);
  return (
    <h1 ref={ref} tabIndex={-1}>
      {children}
    </h1>
  );
}
let hasNavigated = false;
