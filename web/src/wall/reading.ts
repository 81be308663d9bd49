/** What the raw state means to a reader: the few sums that a wall shows. */
import type { Equipment, Gateway, Line, Milestone, Order } from '../api';

/** Until when everything is known: the earliest of the gateways' watermarks, or null where one has none or there is none. */
export function knownUntil(gateways: readonly Gateway[]): number | null {
  let earliest = Infinity;
  for (const gateway of gateways) {
    if (gateway.data_until === null) return null;
    earliest = Math.min(earliest, Date.parse(gateway.data_until));
  }
  return Number.isFinite(earliest) ? earliest : null;
}

/** Where a value stands to its limit: `near` from four fifths of it. */
export function againstLimit(value: number, limit: number | null): 'none' | 'within' | 'near' | 'above' {
  if (limit === null) return 'none';
  if (value > limit) return 'above';
  return value >= 0.8 * limit ? 'near' : 'within';
}

/** Share of the expected that has arrived, 0 to 1; something expected of nothing is whole. */
export function share(arrived: number, expected: number): number {
  if (expected <= 0) return 1;
  return Math.min(1, Math.max(0, arrived / expected));
}

const URGENCY = { red: 0, yellow: 1, unknown: 2, green: 3 } as const;

/** Milestones of all orders: what needs eyes first, the done last, within that by due date. */
export function byUrgency(orders: readonly Order[]): { order: Order; milestone: Milestone }[] {
  const all = orders.flatMap((order) => order.milestones.map((milestone) => ({ order, milestone })));
  const rank = (m: Milestone): number => (m.state === 'done' ? 4 : URGENCY[m.rag]);
  const due = (m: Milestone): number => (m.due === null ? Infinity : Date.parse(m.due));
  const later = (a: Milestone, b: Milestone): number => (due(a) === due(b) ? 0 : due(a) - due(b));
  return all.sort((a, b) => rank(a.milestone) - rank(b.milestone) || later(a.milestone, b.milestone));
}

/** Lines of an order that a wall has room for in a few turns. */
const LINES_ON_A_WALL = 24;

/**
 * The lines of an order that the wall shows: all of a short order in its own sequence; of a long one those that need eyes
 * (short, too many, then what is still to come by the date it is needed), so that thousands of lines never keep the wall
 * from the other orders.
 */
export function linesForWall(lines: readonly Line[], most = LINES_ON_A_WALL): readonly Line[] {
  if (lines.length <= most) return lines;
  const rank = { short: 0, over: 1, partial: 2, waiting: 2, arrived: 3 } as const;
  const needed = (line: Line): number => (line.needed_by === null ? Infinity : Date.parse(line.needed_by));
  const later = (a: Line, b: Line): number => (needed(a) === needed(b) ? 0 : needed(a) - needed(b));
  return [...lines].sort((a, b) => rank[a.state] - rank[b.state] || later(a, b)).slice(0, most);
}

/** Gateways: those in trouble first. */
export function troubledFirst(gateways: readonly Gateway[]): Gateway[] {
  const rank = { offline: 0, catching_up: 1, online: 2 } as const;
  return [...gateways].sort((a, b) => rank[a.state] - rank[b.state] || a.id.localeCompare(b.id));
}

/** How many machines are in each state. */
export function countStates(equipment: readonly Equipment[]): Record<Equipment['state'], number> {
  const counts = { working: 0, idle: 0, off: 0, fault: 0, unknown: 0 };
  for (const machine of equipment) counts[machine.state] += 1;
  return counts;
}
