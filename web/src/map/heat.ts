/** Heat as both maps draw it: weights made comparable, changes made smooth. */
import type { Heat, Source } from '../api';

export const SOURCES = ['people', 'machines', 'scans', 'noise', 'dust'] as const satisfies readonly Source[];

/** One colour a source, apart from the state colours and from each other in every common colour blindness. */
export const COLOUR: Record<Source, readonly [number, number, number]> = {
  people: [74, 190, 255],
  machines: [255, 148, 60],
  scans: [222, 130, 255],
  noise: [255, 92, 138],
  dust: [214, 190, 120],
};

/** How far a cell's warmth reaches, in sides of a cell. */
export const REACH_CELLS = 1.5;

/** A cell of one source with its strength, 0 to 1. */
export interface Warmth {
  readonly source: Source;
  readonly lat: number;
  readonly lon: number;
  readonly strength: number;
}

export type Field = ReadonlyMap<string, Warmth>;

/**
 * Strength by source: the root of the share of that source's strongest cell. The root keeps a quiet corner visible beside a
 * crane that reports every second. Noise and dust are shares of a legal limit: at full strength only where a cell was at it
 * all the time, and without the root, so that what is well below stays faint.
 */
export function fieldOf(heat: Heat): Field {
  const limit = heat.window_minutes;
  const strongest: Record<Source, number> = { people: 0, machines: 0, scans: 0, noise: limit, dust: limit };
  for (const cell of heat.cells) strongest[cell.source] = Math.max(strongest[cell.source], cell.weight);
  const field = new Map<string, Warmth>();
  for (const { cell, source, lat, lon, weight } of heat.cells) {
    if (weight <= 0) continue;
    field.set(`${source}:${cell}`, { source, lat, lon, strength: strengthOf(source, weight / strongest[source]) });
  }
  return field;
}

function strengthOf(source: Source, share: number): number {
  return source === 'noise' || source === 'dust' ? share : Math.sqrt(share);
}

/** The field part of the way (0 to 1) from one to the next; cells that come or go rise from or sink to nothing. */
export function between(from: Field, to: Field, part: number): Field {
  if (part >= 1) return to;
  const mixed = new Map<string, Warmth>();
  for (const [key, was] of from) {
    const strength = was.strength + ((to.get(key)?.strength ?? 0) - was.strength) * part;
    mixed.set(key, { ...was, strength });
  }
  for (const [key, will] of to) if (!from.has(key)) mixed.set(key, { ...will, strength: will.strength * part });
  return mixed;
}

/** A difference below this is not seen. */
const UNSEEN = 0.005;

function same(one: Field | null, other: Field): boolean {
  if (one?.size !== other.size) return false;
  for (const [key, { strength }] of other) {
    const was = one.get(key);
    if (!was || Math.abs(was.strength - strength) > UNSEEN) return false;
  }
  return true;
}

const STEPS = 5;
const STEP_MS = 120;

/** Glide from what is shown to each new field by a few steps; at once where the reader asked for less motion. */
export class Glide {
  #shown: Field = new Map();
  #target: Field | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #draw: (field: Field) => void;
  readonly #calm: () => boolean;

  constructor(draw: (field: Field) => void, calm: () => boolean) {
    this.#draw = draw;
    this.#calm = calm;
  }

  to(target: Field): void {
    if (same(this.#target, target)) return;
    this.#target = target;
    clearTimeout(this.#timer);
    const from = this.#shown;
    const steps = this.#calm() || from.size === 0 ? 1 : STEPS;
    const step = (number: number): void => {
      this.#shown = between(from, target, number / steps);
      this.#draw(this.#shown);
      if (number < steps) this.#timer = setTimeout(step, STEP_MS, number + 1);
    };
    step(1);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
