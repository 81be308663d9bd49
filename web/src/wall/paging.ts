/** A wall cannot scroll: what does not fit is shown in turns. Pure arithmetic of rows on pages. */

/** Where a group's rows stand on a page; `from` > 0 means that the group began on an earlier page. */
export interface Slice {
  readonly group: number;
  readonly from: number;
  readonly to: number;
}

export interface Room {
  /** Height to fill, and of a group's head, one row, and the gap between two groups; any one unit. */
  readonly height: number;
  readonly head: number;
  readonly row: number;
  readonly gap: number;
}

/**
 * Put groups of rows on as few pages as their order allows. A group is split only where it would not fit on a page of
 * its own; its head is repeated then. Every page holds at least one row, however small the room.
 */
export function paginate(groups: readonly number[], room: Room): Slice[][] {
  const pages: Slice[][] = [];
  let page: Slice[] = [];
  let used = 0;
  const turn = (): void => {
    if (page.length) pages.push(page);
    page = [];
    used = 0;
  };
  groups.forEach((rows, group) => {
    const whole = room.head + rows * room.row;
    let from = 0;
    if (page.length && used + room.gap + whole > room.height) turn();
    do {
      const gap = page.length ? room.gap : 0;
      const fitting = Math.floor((room.height - used - gap - room.head) / room.row);
      const to = Math.min(rows, from + Math.max(1, fitting));
      page.push({ group, from, to });
      used += gap + room.head + (to - from) * room.row;
      from = to;
      if (from < rows) turn();
    } while (from < rows);
  });
  turn();
  return pages;
}

/** How many equal tiles fit, at least one: `columns` wide, `tile` high, `gap` between. */
export function tilesThatFit(height: number, tile: number, gap: number, columns: number): number {
  return Math.max(1, Math.floor((height + gap) / (tile + gap))) * columns;
}

/**
 * The rows of page `page` when `fitting` fit. The last page is filled up with rows of the one before, so that a wall with
 * five things and room for four never shows one of them alone.
 */
export function rowsOfPage<T>(rows: readonly T[], page: number, fitting: number): T[] {
  const first = Math.max(0, Math.min(page * fitting, rows.length - fitting));
  return rows.slice(first, first + fitting);
}
