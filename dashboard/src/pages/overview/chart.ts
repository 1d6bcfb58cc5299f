// The numbers of the chart: hours put together into bars, and the scale.
import type { OverviewHour } from "../../api/types";

/** In the order in which they are stacked, from the bottom. */
export const OUTCOMES = ["completed", "failed", "canceled", "open"] as const;
export type BarOutcome = (typeof OUTCOMES)[number];

export interface Bar {
  from: string;
  hours: number;
  counts: Record<BarOutcome, number>;
  total: number;
}

/** Puts each `perBar` hours into one bar, counted back from the newest hour. */
export function toBars(hours: OverviewHour[], perBar: number): Bar[] {
  const bars: Bar[] = [];
  for (let end = hours.length; end > 0; end -= perBar) {
    const group = hours.slice(Math.max(0, end - perBar), end);
    const counts = { completed: 0, failed: 0, canceled: 0, open: 0 };
    for (const hour of group) for (const outcome of OUTCOMES) counts[outcome] += hour[outcome];
    const total = OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0);
    bars.unshift({ from: group[0]?.from ?? "", hours: group.length, counts, total });
  }
  return bars;
}

/** The top of the scale: 1, 2 or 5 times a power of ten, and at least 4. */
export function scaleTop(highest: number): number {
  if (highest <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(highest));
  for (const factor of [1, 2, 5]) if (factor * power >= highest) return factor * power;
  return 10 * power;
}
