/** The site as a plane: metres east and north of its origin, as plumbline/grid.py has them (WGS 84 radii of curvature). */
import type { Site } from '../api';

export type LonLat = readonly [lon: number, lat: number];
export type Point = readonly [x: number, y: number];

export interface Bounds {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

/** Turns degrees into screen pixels. */
export type Project = (position: LonLat) => Point;

const A = 6_378_137;
const E2 = 6.694_379_990_14e-3;
const DEGREE = Math.PI / 180;

/** Metres per degree of longitude and latitude at a latitude. */
export function metresPerDegree(lat: number): { east: number; north: number } {
  const w = Math.sqrt(1 - E2 * Math.sin(lat * DEGREE) ** 2);
  return { east: (DEGREE * A * Math.cos(lat * DEGREE)) / w, north: (DEGREE * A * (1 - E2)) / w ** 3 };
}

/** What the wall shows: the plan's corners and all zones; without either, 100 m around the origin. */
export function boundsOf(site: Site): Bounds {
  const seen: LonLat[] = [...(site.plan?.corners ?? []), ...site.zones.flatMap((zone) => zone.polygon)];
  if (seen.length === 0) {
    const scale = metresPerDegree(site.lat);
    const [dx, dy] = [100 / scale.east, 100 / scale.north];
    return { west: site.lon - dx, south: site.lat - dy, east: site.lon + dx, north: site.lat + dy };
  }
  const lons = seen.map(([lon]) => lon);
  const lats = seen.map(([, lat]) => lat);
  return { west: Math.min(...lons), south: Math.min(...lats), east: Math.max(...lons), north: Math.max(...lats) };
}

/** Fit `bounds` into `width` × `height` pixels with `margin` around, north up. Returns the projection and its pixels per metre. */
export function fitted(bounds: Bounds, width: number, height: number, margin: number): { project: Project; scale: number } {
  const middle: LonLat = [(bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2];
  const metres = metresPerDegree(middle[1]);
  const wide = Math.max(1e-9, (bounds.east - bounds.west) * metres.east);
  const high = Math.max(1e-9, (bounds.north - bounds.south) * metres.north);
  const scale = Math.max(1e-6, Math.min((width - 2 * margin) / wide, (height - 2 * margin) / high));
  return {
    scale,
    project: ([lon, lat]) => [
      width / 2 + (lon - middle[0]) * metres.east * scale,
      height / 2 - (lat - middle[1]) * metres.north * scale,
    ],
  };
}

/** The middle of a polygon's box. */
export function middleOf(polygon: readonly LonLat[]): LonLat {
  const lons = polygon.map(([lon]) => lon);
  const lats = polygon.map(([, lat]) => lat);
  return [(Math.min(...lons) + Math.max(...lons)) / 2, (Math.min(...lats) + Math.max(...lats)) / 2];
}
