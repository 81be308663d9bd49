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

/** Delivery notes of an order with what of them is there. */
export const deliveries = list(
  record({
    note: text,
    sscc: maybe(text),
    supplier: maybe(text),
    status: word(['expected', 'partial', 'arrived'], 'expected'),
    first_at: maybe(time),
    last_at: maybe(time),
    lines: list(record({ line: text, title: bilingual, unit: text, expected: number, arrived: number })),
  }),
);

export type Suggestion = Read<typeof suggestions>[number];
export type Delivery = Read<typeof deliveries>[number];
