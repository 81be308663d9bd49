/** The plan as rows and places on a line of time: pure, so that drawing is all that is left to the component. */
import type { Milestone, Plan, Rag, Task, Text } from '../api';
import { RAG } from '../parts/meaning';

/** From and to, milliseconds since 1970. */
export type Span = readonly [from: number, to: number];

export interface Row {
  readonly key: string;
  readonly kind: 'task' | 'summary' | 'milestone';
  readonly title: Text;
  readonly depth: number;
  readonly planned: Span | null;
  /** As it looks now: what was, then what is left from today on. */
  readonly looks: Span | null;
  readonly percent: number;
  readonly done: boolean;
  readonly critical: boolean;
  readonly rag: Rag;
  /** Where the diamond of a milestone stands: when it is due, and when it was done. */
  readonly due: number | null;
  readonly doneAt: number | null;
  readonly task: Task | null;
  readonly reason: Text;
}

const at = (time: string | null): number | null => (time === null ? null : Date.parse(time));
/** Work of less than an hour is a moment: drawn as a diamond. */
const MOMENT_MS = 3_600_000;

/**
 * Milestones that are no task come first, then the tasks as their breakdown says, each summary before its parts. Parts
 * of the summaries in `folded` are left out; a summary is critical where a part is, and planned from its first part to its last. A task whose parents go round in a ring stands at the top level.
 */
export function rowsOf(plan: Plan, milestones: readonly Milestone[], folded: ReadonlySet<string>): Row[] {
  const byKey = new Map(milestones.map((milestone) => [keyOf(milestone), milestone]));
  const tasks = new Map(plan.tasks.map((task) => [task.key, task]));
  const parents = new Set(plan.tasks.map((task) => task.parent));
  const rows: Row[] = milestones.filter((milestone) => !tasks.has(keyOf(milestone))).map(ofMilestone);

  const inside = new Map<string | null, Task[]>();
  const grounded = groundedOf(tasks);
  const critical = new Set(plan.critical);
  for (const task of plan.tasks) {
    const parent = task.parent !== null && tasks.has(task.parent) && grounded.get(task.key) ? task.parent : null;
    const parts = inside.get(parent);
    if (parts) parts.push(task);
    else inside.set(parent, [task]);
  }
  // without recursion: a file may nest thousands deep
  const all: { task: Task; depth: number }[] = [];
  const waiting = (inside.get(null) ?? []).map((task) => ({ task, depth: 0 })).reverse();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    all.push(next);
    const { task, depth } = next;
    for (const part of [...(inside.get(task.key) ?? [])].reverse()) waiting.push({ task: part, depth: depth + 1 });
  }
  const sums = sumsOf(all, critical);
  let hidden = Infinity;
  for (const { task, depth } of all) {
    if (depth > hidden) continue;
    hidden = folded.has(task.key) ? depth : Infinity;
    rows.push(ofTask(task, { depth, summary: parents.has(task.key), milestone: byKey.get(task.key), ...sums.get(task.key) }));
  }
  return rows;
}

/** Summaries to fold at first, so that at most about `fitting` rows are shown: the deepest levels go first. */
export function foldedAtFirst(plan: Plan, fitting: number): Set<string> {
  const folded = new Set<string>();
  if (plan.tasks.length <= fitting) return folded;
  const depths = new Map(rowsOf(plan, [], folded).map((row) => [row.key, row]));
  const most = Math.max(0, ...[...depths.values()].map((row) => row.depth));
  for (let level = most - 1; level >= 0; level -= 1) {
    for (const row of depths.values()) if (row.kind === 'summary' && row.depth === level) folded.add(row.key);
    if (rowsOf(plan, [], folded).length <= fitting) break;
  }
  return folded;
}

/** The milestone's own name in its order: `<order>~<key>`. */
export function keyOf(milestone: Milestone): string {
  return milestone.id.slice(milestone.id.indexOf('~') + 1);
}

/** Whether a task's parents lead to the top; each task is walked over once. */
function groundedOf(tasks: ReadonlyMap<string, Task>): Map<string, boolean> {
  const known = new Map<string, boolean>();
  for (const start of tasks.values()) {
    const way = new Set<string>();
    let at: Task | undefined = start;
    while (at && !known.has(at.key) && !way.has(at.key)) {
      way.add(at.key);
      at = at.parent === null ? undefined : tasks.get(at.parent);
    }
    const grounded = at ? (known.get(at.key) ?? false) : true;
    for (const key of way) known.set(key, grounded);
  }
  return known;
}

/** What a task and all that it holds are together; `all` has each task before its parts. */
function sumsOf(all: readonly { task: Task; depth: number }[], critical: ReadonlySet<string>): Map<string, Sum> {
  const sums = new Map<string, Sum>();
  const open: Sum[] = [];
  for (const { task, depth } of [...all].reverse()) {
    const parts = open[depth + 1];
    const sum = {
      critical: critical.has(task.key) || (parts?.critical ?? false),
      start: at(task.start) ?? parts?.start ?? null,
      finish: at(task.finish) ?? parts?.finish ?? null,
    };
    delete open[depth + 1];
    const beside = open[depth];
    open[depth] = {
      critical: sum.critical || (beside?.critical ?? false),
      start: least(sum.start, beside?.start ?? null, Math.min),
      finish: least(sum.finish, beside?.finish ?? null, Math.max),
    };
    sums.set(task.key, sum);
  }
  return sums;
}

const least = (a: number | null, b: number | null, which: (a: number, b: number) => number): number | null =>
  a === null ? b : b === null ? a : which(a, b);

interface Sum {
  readonly critical: boolean;
  readonly start: number | null;
  readonly finish: number | null;
}

interface Place extends Partial<Sum> {
  readonly depth: number;
  readonly summary: boolean;
  readonly milestone: Milestone | undefined;
}

function ofTask(task: Task, { depth, summary, milestone, critical = false, start = null, finish = null }: Place): Row {
  const planned: Span | null = start !== null && finish !== null && start <= finish ? [start, finish] : null;
  const early = Date.parse(task.early_start);
  const looks: Span = [early, Math.max(early, Date.parse(task.early_finish))];
  const moment = !summary && planned !== null && planned[1] - planned[0] < MOMENT_MS;
  const due = milestone ? at(milestone.due) : moment ? finish : null;
  return {
    key: task.key,
    kind: summary ? 'summary' : moment ? 'milestone' : 'task',
    title: task.title,
    depth,
    planned: moment ? null : planned,
    looks: moment && looks[1] - looks[0] < MOMENT_MS ? null : looks,
    percent: task.percent,
    done: task.done_at !== null,
    critical: critical && task.done_at === null,
    rag: task.rag,
    due,
    doneAt: at(milestone?.done_at ?? (due === null ? null : task.done_at)),
    task,
    reason: task.reason,
  };
}

function ofMilestone(milestone: Milestone): Row {
  return {
    key: `~${keyOf(milestone)}`,
    kind: 'milestone',
    title: milestone.title,
    depth: 0,
    planned: null,
    looks: null,
    percent: milestone.percent,
    done: milestone.state === 'done',
    critical: false,
    rag: milestone.rag,
    due: at(milestone.due),
    doneAt: at(milestone.done_at),
    task: null,
    reason: milestone.reason,
  };
}

/** The time that a chart shows: everything in it with a little air; a day at least. */
export function domainOf(rows: readonly Row[], marks: readonly (number | null)[]): Span {
  let [from, to] = [Infinity, -Infinity];
  const take = (time: number | null): void => {
    if (time === null || !Number.isFinite(time)) return;
    from = Math.min(from, time);
    to = Math.max(to, time);
  };
  for (const row of rows) {
    for (const span of [row.planned, row.looks]) span?.forEach(take);
    take(row.due);
    take(row.doneAt);
  }
  marks.forEach(take);
  if (from > to) [from, to] = [0, DAY_MS];
  const air = Math.max((to - from) * 0.03, DAY_MS / 2);
  return [from - air, to + air];
}

export const DAY_MS = 86_400_000;

export interface Tick {
  readonly at: number;
  readonly step: 'day' | 'week' | 'month' | 'quarter' | 'year';
}

const STEPS = [
  ['day', 1],
  ['week', 7],
  ['month', 30.4],
  ['quarter', 91.3],
  ['year', 365.2],
] as const;

/** Where days, weeks (from Monday), months … begin by the site's clock, the finest that leaves `room` pixels for each. */
export function ticks(domain: Span, width: number, room: number, zone: string): Tick[] {
  const days = (domain[1] - domain[0]) / DAY_MS;
  const found = STEPS.find(([, length]) => (width * length) / days >= room) ?? (['year', 365.2] as const);
  const step = found[0];
  // beyond centuries every n-th year
  const years = Math.max(1, Math.ceil((room * days) / (width * 365.2)));
  const offset = offsetAt(domain[0], zone);
  const first = new Date(domain[0] + offset);
  let [year, month, day] = [first.getUTCFullYear(), first.getUTCMonth(), first.getUTCDate()];
  if (step === 'week') day -= (first.getUTCDay() + 6) % 7;
  if (step === 'month' || step === 'quarter' || step === 'year') day = 1;
  if (step === 'quarter') month -= month % 3;
  if (step === 'year') [year, month] = [year - (year % years), 0];
  const made: Tick[] = [];
  for (let count = 0; count < 4_000; count += 1) {
    const local = Date.UTC(year, month, day);
    const when = local - offsetAt(local - offset, zone);
    if (when > domain[1] || Number.isNaN(when)) break;
    if (when >= domain[0]) made.push({ at: when, step });
    if (step === 'day') day += 1;
    else if (step === 'week') day += 7;
    else if (step === 'year') year += years;
    else month += step === 'month' ? 1 : 3;
  }
  return made;
}

const zones = new Map<string, Intl.DateTimeFormat>();

/** The zone's clock minus UTC, milliseconds. */
export function offsetAt(time: number, zone: string): number {
  let format = zones.get(zone);
  if (!format) {
    const options = {
      year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23',
    } as const;
    try {
      format = new Intl.DateTimeFormat('en-US', { ...options, timeZone: zone });
    } catch {
      format = new Intl.DateTimeFormat('en-US', { ...options, timeZone: 'UTC' });
    }
    zones.set(zone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(time)) part[type] = Number(value);
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / 1000) * 1000;
}

/** Which tone a row is drawn in. */
export function toneOf(row: Row): string {
  return row.done ? 'good' : RAG[row.rag].tone;
}

/** The outline of a diamond around a point, `r` from its middle to its corners (SVG path). */
export function diamond(cx: number, cy: number, r: number): string {
  return `M${String(cx)} ${String(cy - r)}l${String(r)} ${String(r)}l${String(-r)} ${String(r)}l${String(-r)} ${String(-r)}z`;
}
