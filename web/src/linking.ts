/** The contract of what links scans to lines: suggestions for what waits, and an order's deliveries. */
import { bilingual } from './api';
import { flag, list, maybe, number, record, text, time, word, type Read } from './shape';

/** Lines that a scan may belong to, best first; `score` is 0 to 100, `exact`: the code is the line's own. */
export const suggestions = list(
  record({
    line: text,
    order: text,
    title: bilingual,
    unit: text,
    batch: maybe(text),
    quantity: number,
    expected: number,
    open: number,
    needed_by: maybe(time),
    score: number,
    exact: flag,
    linkable: flag,
    reason: bilingual,
    parts: list(record({ name: text, points: number, reason: bilingual })),
  }),
);

/** Points that an inspection may have been of, best first; `linkable`: who inspected may inspect it. */
export const pointSuggestions = list(
  record({
    order: text,
    order_title: bilingual,
    check: text,
    title: bilingual,
    role: maybe(text),
    role_title: maybe(bilingual),
    score: number,
    exact: flag,
    linkable: flag,
    reason: bilingual,
  }),
);

/** So much of a line; `expected` is null where it came in no unit, 0 where the delivery note lists another line. */
const portion = record({
  line: text,
  title: bilingual,
  unit: text,
  expected: maybe(number),
  arrived: number,
  returned: number,
});

/** Delivery notes of an order with what of them is there; `note` null: what came under none. */
export const deliveries = list(
  record({
    note: maybe(text),
    short: flag,
    first_at: maybe(time),
    units: list(
      record({
        sscc: text,
        state: word(['expected', 'waiting', 'unknown', 'missing', 'arrived', 'short', 'over', 'returned'], 'unknown'),
        arrived_at: maybe(time),
        lines: list(portion),
        reason: bilingual,
      }),
    ),
    loose: list(portion),
    reason: bilingual,
  }),
);

export type Suggestion = Read<typeof suggestions>[number];
export type PointSuggestion = Read<typeof pointSuggestions>[number];
export type Delivery = Read<typeof deliveries>[number];
export type Portion = Read<typeof portion>;
export type UnitState = Delivery['units'][number]['state'];
