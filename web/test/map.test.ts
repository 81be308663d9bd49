import { describe, expect, test } from 'vitest';
import type { Heat, Site } from '../src/api';
import { between, fieldOf } from '../src/map/heat';
import { longest, placeNames, type Pin } from '../src/map/labels';
import { boundsOf, fitted, metresPerDegree } from '../src/map/plane';

const site: Site = {
  id: 's', title: { en: '', zh: '' }, timezone: 'UTC', lat: 31.2, lon: 121.5, cell_m: 10, plan: null, zones: [],
};

describe('the plane', () => {
  test('has the metres of a degree that WGS 84 gives at 31.2°', () => {
    const { east, north } = metresPerDegree(31.2);
    expect(north).toBeCloseTo(110_871, -1);
    expect(east).toBeCloseTo(95_300, -2);
  });

  test('shows a site without plan and zones as 200 m around its origin', () => {
    const { project, scale } = fitted(boundsOf(site), 1000, 500, 50);
    expect(scale).toBeCloseTo(2, 3);
    expect(project([121.5, 31.2])).toEqual([expect.closeTo(500), expect.closeTo(250)]);
  });

  test('keeps the whole site within the margin, north up', () => {
    const bounds = { west: 121.5, south: 31.2, east: 121.504, north: 31.201 };
    const { project } = fitted(bounds, 800, 600, 20);
    const [left, top] = project([bounds.west, bounds.north]);
    const [right, bottom] = project([bounds.east, bounds.south]);
    expect([left, right]).toEqual([expect.closeTo(20), expect.closeTo(780)]);
    expect(top).toBeGreaterThan(20);
    expect(bottom).toBeGreaterThan(top);
  });
});

describe('heat', () => {
  const heat = (...weights: number[]): Heat => ({
    window_minutes: 60,
    cells: weights.map((weight, n) => ({ cell: String(n), source: 'people', lat: 0, lon: n, weight })),
  });

  test('is one at the strongest cell and leaves the empty ones out', () => {
    const strengths = [...fieldOf(heat(4, 1, 0)).values()].map(({ strength }) => strength);
    expect(strengths).toEqual([1, 0.5]);
  });

  test('takes noise and dust by their limit, not by the strongest cell', () => {
    const cells = [15, 60, 120].map((weight, n) => ({ cell: String(n), source: 'noise' as const, lat: 0, lon: n, weight }));
    const strengths = (most: number): number[] =>
      [...fieldOf({ window_minutes: 60, cells: cells.slice(0, most) }).values()].map(({ strength }) => strength);
    expect(strengths(1)).toEqual([0.25]);
    expect(strengths(3)).toEqual([0.125, 0.5, 1]);
  });

  test('glides half way between two fields, new cells rising and old ones sinking', () => {
    const [from, to] = [fieldOf(heat(1)), fieldOf(heat(0, 1))];
    const half = between(from, to, 0.5);
    expect([...half.values()].map(({ strength }) => strength)).toEqual([0.5, 0.5]);
    expect(between(from, to, 1)).toBe(to);
  });
});

describe('names of machines', () => {
  const frame = { x: 0, y: 0, width: 400, height: 300 };
  const pin = (x: number, y: number): Pin => ({ x, y, width: 100, height: 30 });

  test('stand to the right where there is room, to the left at the right edge', () => {
    expect(placeNames([pin(50, 50), pin(380, 200)], [], frame, 15)).toEqual(['right', 'left']);
  });

  test('step aside for each other and for the names of zones', () => {
    expect(placeNames([pin(100, 100), pin(150, 100)], [], frame, 15)[0]).not.toBe('right');
    expect(placeNames([pin(100, 100)], [{ x: 120, y: 90, width: 60, height: 20 }], frame, 15)[0]).not.toBe('right');
  });

  test('are left out where nothing is free', () => {
    expect(placeNames([pin(50, 15)], [], { x: 0, y: 0, width: 100, height: 30 }, 15)).toEqual(['none']);
  });
});

test('a zone is wide enough for its longest word, and no wider for an endless one', () => {
  expect(longest('Main gate')).toBeCloseTo(1.2 * 4 * 0.56);
  expect(longest('场内道路东段')).toBe(4);
  expect(longest('W'.repeat(200))).toBe(7);
  expect(longest('')).toBe(0);
});
