/** The MapLibre style of one site: nothing in it is fetched, no tiles, no glyphs, no sprites. */
import type { StyleSpecification } from 'maplibre-gl';
import type { Site, Source } from '../api';
import { COLOUR, REACH_CELLS, SOURCES, type Field } from './heat';
import { metresPerDegree } from './plane';
import { ZONE_COLOUR } from './zones';

type HeatmapPaint = NonNullable<Extract<StyleSpecification['layers'][number], { type: 'heatmap' }>['paint']>;
type Features = GeoJSON.FeatureCollection<GeoJSON.Point>;

const ZOOM_0_METRES = 40_075_016.686 / 512;

/** Pixels that `metres` take at zoom 0 at a latitude; each zoom doubles them. */
function pixelsAtZoom0(metres: number, lat: number): number {
  return metres / (ZOOM_0_METRES * Math.cos((lat * Math.PI) / 180));
}

function heatPaint(source: Source, site: Site): HeatmapPaint {
  const [r, g, b] = COLOUR[source];
  const tone = (alpha: number): string => `rgba(${String(r)},${String(g)},${String(b)},${String(alpha)})`;
  const reach = pixelsAtZoom0(REACH_CELLS * site.cell_m, site.lat);
  return {
    'heatmap-weight': ['get', 'strength'],
    'heatmap-intensity': 0.95,
    'heatmap-radius': ['interpolate', ['exponential', 2], ['zoom'], 10, reach * 2 ** 10, 24, reach * 2 ** 24],
    'heatmap-opacity': 0.82,
    // prettier-ignore
    'heatmap-color': ['interpolate', ['linear'], ['heatmap-density'],
      0, tone(0), 0.06, tone(0.12), 0.3, tone(0.48), 0.65, tone(0.72), 1, tone(0.92)],
  };
}

/** Points of one source, ready for its heatmap layer. */
export function heatFeatures(field: Field, source: Source): Features {
  const features: Features['features'] = [];
  for (const warmth of field.values()) {
    if (warmth.source !== source || warmth.strength < 0.01) continue;
    features.push({
      type: 'Feature',
      properties: { strength: warmth.strength },
      geometry: { type: 'Point', coordinates: [warmth.lon, warmth.lat] },
    });
  }
  return { type: 'FeatureCollection', features };
}

export function zoneFeatures(site: Site): GeoJSON.FeatureCollection<GeoJSON.Polygon> {
  return {
    type: 'FeatureCollection',
    features: site.zones.map((zone) => {
      const first = zone.polygon[0];
      return {
        type: 'Feature',
        properties: { colour: ZONE_COLOUR[zone.kind] },
        geometry: { type: 'Polygon', coordinates: [first ? [...zone.polygon, first] : []] },
      };
    }),
  };
}

/** The whole style but for the plan's picture, which is added once it is loaded, under the zones. */
export function styleOf(site: Site): StyleSpecification {
  const style: StyleSpecification = {
    version: 8,
    sources: { zones: { type: 'geojson', data: zoneFeatures(site) } },
    layers: [
      { id: 'zones', type: 'fill', source: 'zones', paint: { 'fill-color': ['get', 'colour'], 'fill-opacity': 0.12 } },
      {
        id: 'zone-edges',
        type: 'line',
        source: 'zones',
        paint: { 'line-color': ['get', 'colour'], 'line-opacity': 0.55, 'line-width': 1.5 },
      },
    ],
  };
  for (const source of SOURCES) {
    const id = `heat-${source}`;
    style.sources[id] = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } };
    style.layers.push({ id, type: 'heatmap', source: id, paint: heatPaint(source, site) });
  }
  return style;
}

/** Pixels per metre at a zoom and latitude. */
export function pixelsPerMetre(zoom: number, lat: number): number {
  return pixelsAtZoom0(1, lat) * 2 ** zoom;
}

/** Bounds a little larger than the site, which the reader cannot leave. */
export function roomAround(site: Site, bounds: { west: number; south: number; east: number; north: number }): [number, number, number, number] {
  const metres = metresPerDegree(site.lat);
  const [dx, dy] = [250 / metres.east, 250 / metres.north];
  return [bounds.west - dx, bounds.south - dy, bounds.east + dx, bounds.north + dy];
}
