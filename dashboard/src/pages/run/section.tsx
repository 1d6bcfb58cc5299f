// The boxes of which the page of a run consists.
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

/** A box with a heading. */
export function Section({ title, children }: { title: ComponentChildren; children: ComponentChildren }) {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

/** A box that is closed at first. Its content is rendered, and so loaded, once it is opened. */
export function FoldedSection({ title, children }: { title: string; children: () => ComponentChildren }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="card folded" open={isOpen} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>{title}</h2>
      </summary>
      {isOpen && children()}
    </details>
  );
}

/** Names and values, one a line. Rows whose value is absent are left out. */
export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  const present = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl class="run-facts">
      {present.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
