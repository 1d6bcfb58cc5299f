// Runs by time and outcome: bars for the eye, a table for everybody else.
import { useEffect, useRef, useState } from "preact/hooks";
import type { OverviewHour } from "../../api/types";
import { count, formatTime } from "../../ui/format";
import { type Bar, type BarOutcome, OUTCOMES, scaleTop, toBars } from "./chart";

/** The width until the page has measured it, in pixels. */
const WIDTH = 720;
const HEIGHT = 200;
/** Room for one label of the axis, in pixels. */
const LABEL_WIDTH = 64;
const LEFT = 40;
const BOTTOM = 22;
const TOP = 8;
const HOUR_LABEL = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY_LABEL = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });

/** `hours` is the whole period: 24 hours are shown one by one, more in steps of six. */
export function BarChart({ hours }: { hours: OverviewHour[] }) {
  const perBar = hours.length > 48 ? 6 : 1;
  const bars = toBars(hours, perBar);
  const total = bars.reduce((sum, bar) => sum + bar.total, 0);
  const unit = perBar === 1 ? "hour" : `${perBar} hours`;
  const label = `Runs per ${unit}: ${OUTCOMES.map(outcome => `${sum(bars, outcome)} ${outcome}`).join(", ")}`;
  const [box, width] = useWidth();
  return (
    <section class="card" aria-labelledby="chart-title">
      <div class="title-row">
        <h2 id="chart-title">Runs per {unit}</h2>
        <Legend />
      </div>
      <div class="chart-box" ref={box}>
        <Bars bars={bars} label={label} isHourly={perBar === 1} width={width} />
        {total === 0 && <p class="chart-empty muted">No run was accepted in this time.</p>}
      </div>
      <details>
        <summary>Show the numbers as a table</summary>
        <BarTable bars={bars} unit={unit} />
      </details>
    </section>
  );
}

/** The width of an element in pixels, as it changes: so the chart's text is as large as the page's. */
function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(WIDTH);
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    const measure = () => setWidth(Math.max(200, Math.floor(box.clientWidth)));
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    measure();
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

function sum(bars: Bar[], outcome: BarOutcome): number {
  return bars.reduce((total, bar) => total + bar.counts[outcome], 0);
}

interface BarsProps {
  bars: Bar[];
  label: string;
  isHourly: boolean;
  width: number;
}

function Bars({ bars, label, isHourly, width }: BarsProps) {
  const top = scaleTop(Math.max(0, ...bars.map(bar => bar.total)));
  const room = HEIGHT - BOTTOM - TOP;
  const step = (width - LEFT) / Math.max(1, bars.length);
  const y = (value: number) => TOP + room * (1 - value / top);
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} role="img" aria-label={label}>
      <defs>
        <pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="bar-failed" width="6" height="6" />
          <rect class="bar-stripe" width="2" height="6" />
        </pattern>
      </defs>
      {[0, top / 2, top].map(value => (
        <g key={value}>
          <line class="chart-line" x1={LEFT} x2={width} y1={y(value)} y2={y(value)} />
          <text class="chart-text" x={LEFT - 6} y={y(value) + 4} text-anchor="end">
            {value}
          </text>
        </g>
      ))}
      {bars.map((bar, index) => (
        <g key={bar.from}>
          <title>{`${formatTime(bar.from)}: ${describe(bar)}`}</title>
          <rect class="bar-hover" x={LEFT + index * step} y={TOP} width={step} height={room} />
          {stack(bar).map(({ outcome, from, to }) => (
            <rect
              key={outcome}
              class={`bar-${outcome}`}
              fill={outcome === "failed" ? "url(#stripes)" : undefined}
              x={LEFT + index * step + step * 0.12}
              y={y(to)}
              width={step * 0.76}
              height={Math.max(0, y(from) - y(to))}
            />
          ))}
        </g>
      ))}
      {labels(bars, isHourly, step).map(({ index, text }) => (
        <text key={index} class="chart-text" x={LEFT + (index + 0.5) * step} y={HEIGHT - 5} text-anchor="middle">
          {text}
        </text>
      ))}
    </svg>
  );
}

function stack(bar: Bar): { outcome: BarOutcome; from: number; to: number }[] {
  let height = 0;
  return OUTCOMES.map(outcome => {
    const from = height;
    height += bar.counts[outcome];
    return { outcome, from, to: height };
  }).filter(part => part.to > part.from);
}

/** As many labels as fit, away from the ends of the axis. */
function labels(bars: Bar[], isHourly: boolean, step: number): { index: number; text: string }[] {
  const every = Math.max(1, Math.ceil(LABEL_WIDTH / step));
  const format = isHourly ? HOUR_LABEL : DAY_LABEL;
  const found: { index: number; text: string }[] = [];
  for (let index = 1; index < bars.length - 1; index += every) {
    const date = new Date(bars[index]?.from ?? "");
    if (Number.isNaN(date.getTime())) continue;
    const text = format.format(date);
    if (text !== found.at(-1)?.text) found.push({ index, text });
  }
  return found;
}

function describe(bar: Bar): string {
  if (bar.total === 0) return "no runs";
  return OUTCOMES.filter(outcome => bar.counts[outcome] > 0)
    .map(outcome => `${bar.counts[outcome]} ${outcome}`)
    .join(", ");
}

function Legend() {
  return (
    <ul class="legend">
      {OUTCOMES.map(outcome => (
        <li key={outcome}>
          <svg width="14" height="14" aria-hidden="true">
            <rect
              class={`bar-${outcome}`}
              width="14"
              height="14"
              fill={outcome === "failed" ? "url(#stripes)" : undefined}
            />
          </svg>
          {outcome}
        </li>
      ))}
    </ul>
  );
}

function BarTable({ bars, unit }: { bars: Bar[]; unit: string }) {
  const shown = bars.filter(bar => bar.total > 0).reverse();
  return (
    <div class="table-wrap">
      <table>
        <caption>
          Runs per {unit} by outcome, newest first
          {shown.length < bars.length && `; ${count(bars.length - shown.length, "period")} without runs left out`}
        </caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            {OUTCOMES.map(outcome => (
              <th key={outcome} scope="col" class="number">
                {outcome}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map(bar => (
            <tr key={bar.from}>
              <th scope="row">{formatTime(bar.from)}</th>
              {OUTCOMES.map(outcome => (
                <td key={outcome} class="number">
                  {bar.counts[outcome]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
