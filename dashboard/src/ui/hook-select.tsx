// The filter by hook, for every list that has one.
import { plainName } from "../values/text";

interface HookSelectProps {
  id: string;
  names: string[];
  /** Empty: every hook. */
  value: string;
  onChange: (hook: string) => void;
}

export function HookSelect({ id, names, value, onChange }: HookSelectProps) {
  return (
    <div class="field">
      <label for={id}>Hook</label>
      <select id={id} value={value} onChange={event => onChange(event.currentTarget.value)}>
        <option value="">every hook</option>
        {names.map(name => (
          <option key={name} value={name}>
            {plainName(name.slice(0, 60))}
          </option>
        ))}
      </select>
    </div>
  );
}
