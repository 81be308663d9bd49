/** The sparkline's points: what the history endpoint knew, carried on by the live values. */
export type Series = readonly (readonly [at: number, value: number])[];

/** Points that are kept of one series: an hour of seconds would be more than a sparkline can show. */
const KEPT = 720;

/** Add a live value; one that is not newer than the last point changes nothing. Points before `from` fall away. */
export function carryOn(series: Series, at: number, value: number, from: number): Series {
  const last = series.at(-1);
  const grown = last && at <= last[0] ? series : [...series, [at, value] as const];
  const first = grown.findIndex(([when]) => when >= from);
  return first < 0 ? [] : grown.slice(Math.max(first, grown.length - KEPT));
}

/** Put a fresh history under the live values that are newer than it. */
export function underlay(history: Series, live: Series): Series {
  const last = history.at(-1);
  return last ? [...history, ...live.filter(([at]) => at > last[0])] : live;
}
