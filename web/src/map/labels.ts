/** Where the names of machines go so that they hide neither each other nor the names of zones: pure geometry. */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Pin {
  readonly x: number;
  readonly y: number;
  /** Size of the name beside the pin. */
  readonly width: number;
  readonly height: number;
}

export type Side = 'right' | 'left' | 'below' | 'above' | 'none';

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function boxAt(pin: Pin, side: Side, radius: number): Box {
  const { width, height } = pin;
  const across = { y: pin.y - height / 2, width, height };
  switch (side) {
    case 'right':
      return { ...across, x: pin.x + radius };
    case 'left':
      return { ...across, x: pin.x - radius - width };
    case 'below':
      return { x: pin.x - width / 2, y: pin.y + radius, width, height };
    case 'above':
      return { x: pin.x - width / 2, y: pin.y - radius - height, width, height };
    case 'none':
      return { ...across, x: pin.x, width: 0 };
  }
}

/** A side for every pin's name, in the pins' order: the first side that is free and within `frame`, else none. */
export function placeNames(pins: readonly Pin[], taken: readonly Box[], frame: Box, radius: number): Side[] {
  const full: Box[] = [...taken];
  for (const pin of pins) full.push({ x: pin.x - radius, y: pin.y - radius, width: 2 * radius, height: 2 * radius });
  return pins.map((pin, own) => {
    for (const side of ['right', 'left', 'below', 'above'] as const) {
      const box = boxAt(pin, side, radius);
      const inside =
        box.x >= frame.x &&
        box.y >= frame.y &&
        box.x + box.width <= frame.x + frame.width &&
        box.y + box.height <= frame.y + frame.height;
      if (inside && !full.some((other, at) => at !== taken.length + own && overlap(box, other))) {
        full.push(box);
        return side;
      }
    }
    return 'none';
  });
}

/** Width of the longest word in ems, bold; Chinese breaks anywhere, so four characters at most, and of no word more than a dozen letters. */
export function longest(text: string): number {
  return Math.max(0, ...text.split(/\s+/).map((word) => Math.min(word.charCodeAt(0) > 0x2e7f ? ems(word) : 1.2 * ems(word), word.charCodeAt(0) > 0x2e7f ? 4 : 7)));
}

/** Width of a text in ems: Chinese characters are one wide, others a little over a half. */
export function ems(text: string): number {
  let width = 0;
  for (const character of text) width += character.charCodeAt(0) > 0x2e7f ? 1 : 0.56;
  return width;
}
