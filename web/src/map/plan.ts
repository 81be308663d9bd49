/** The plan picture as a canvas: MapLibre decodes no SVG itself, and both maps draw the same pixels. */

/** Longest side of the drawn picture, pixels: sharp on a 4K wall, within every graphics card's texture limit. */
const LONGEST = 3200;

/** Load the picture at `url` (SVG or bitmap). Throws where it cannot be loaded or decoded. */
export async function loadPlan(url: string): Promise<HTMLCanvasElement> {
  const picture = new Image();
  picture.decoding = 'async';
  picture.src = url;
  await picture.decode();
  // An SVG may come without a size of its own; 8:5 is then as good as any, the corners stretch it into place.
  const [width, height] = [picture.naturalWidth || 1600, picture.naturalHeight || 1000];
  const scale = LONGEST / Math.max(width, height);
  const drawn = document.createElement('canvas');
  drawn.width = Math.round(width * scale);
  drawn.height = Math.round(height * scale);
  const brush = drawn.getContext('2d');
  if (!brush) throw new Error('this browser offers no 2D canvas to draw the plan on');
  brush.drawImage(picture, 0, 0, drawn.width, drawn.height);
  return drawn;
}
