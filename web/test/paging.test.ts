import { describe, expect, test } from 'vitest';
import { paginate, rowsOfPage, tilesThatFit, type Room } from '../src/wall/paging';

const room = (height: number): Room => ({ height, head: 2, row: 3, gap: 1 });

describe('paging', () => {
  test('puts groups that fit together on one page', () => {
    expect(paginate([1, 2], room(14))).toEqual([[{ group: 0, from: 0, to: 1 }, { group: 1, from: 0, to: 2 }]]);
  });

  test('moves a group that would be split to a page of its own', () => {
    expect(paginate([2, 2], room(15))).toEqual([[{ group: 0, from: 0, to: 2 }], [{ group: 1, from: 0, to: 2 }]]);
  });

  test('splits a group that is longer than a page and repeats its head', () => {
    expect(paginate([5], room(8)).map((page) => page[0])).toEqual([
      { group: 0, from: 0, to: 2 },
      { group: 0, from: 2, to: 4 },
      { group: 0, from: 4, to: 5 },
    ]);
  });

  test.each([0, 1, 4, 7.5, 20, 1000])('shows every row once, in order, in a room of height %d', (height) => {
    const groups = [3, 1, 12, 1, 1, 4];
    const shown = paginate(groups, room(height)).flat().flatMap(({ group, from, to }) =>
      Array.from({ length: to - from }, (_, n) => `${String(group)}/${String(from + n)}`),
    );
    expect(shown).toEqual(groups.flatMap((rows, group) => Array.from({ length: rows }, (_, n) => `${String(group)}/${String(n)}`)));
  });

  test('has no page where there is no group', () => {
    expect(paginate([], room(10))).toEqual([]);
  });

  test('fills the last page up with rows of the one before', () => {
    expect([0, 1].map((page) => rowsOfPage([1, 2, 3, 4, 5], page, 4))).toEqual([[1, 2, 3, 4], [2, 3, 4, 5]]);
    expect(rowsOfPage([1, 2], 0, 4)).toEqual([1, 2]);
    expect(rowsOfPage([], 0, 4)).toEqual([]);
  });

  test('fits at least one tile, however small the room', () => {
    expect(tilesThatFit(0, 5, 1, 2)).toBe(2);
    expect(tilesThatFit(11, 5, 1, 1)).toBe(2);
  });
});
