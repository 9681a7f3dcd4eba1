// SPDX-License-Identifier: MulanPSL-2.0
// The base map: the tile service that the city configured (fetched by our server, never by the page), and the outlines of the
// city's own regions from the records it holds. Text on the map would need font files, so names of places are HTML beside it.
import maplibre from 'maplibre-gl/dist/maplibre-gl-csp';
import worker from 'maplibre-gl/dist/maplibre-gl-csp-worker?url';
import 'maplibre-gl/dist/maplibre-gl.css';
import type { StyleSpecification } from 'maplibre-gl';
import { get, recordsPath } from '../../shared/api';
import { entities, known } from '../../shared/meta';

// A worker's address is a trusted type: only this one file of ours is let through.
type Policy = { createScriptURL(url: string): unknown };
type Types = { createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy };
const types = (globalThis as { trustedTypes?: Types }).trustedTypes;
const policy = types?.createPolicy('chengshu', { createScriptURL: (url) => { if (url !== worker) throw new TypeError('not our worker'); return url; } });
export const words = (title: string) => ({ 'Map.Title': title, 'NavigationControl.ZoomIn': '放大', 'NavigationControl.ZoomOut': '缩小' });
maplibre.setWorkerUrl((policy ? policy.createScriptURL(worker) : worker) as string);
export { maplibre };
export type Collection = { type: 'FeatureCollection'; features: { type: 'Feature'; id?: unknown; geometry: unknown; properties: Record<string, unknown> }[] };

interface Base { tiles: string | null; attribution: string; max_zoom: number }
let base: Base | null = null;
const readBase = async () => { base ??= await get<Base>('/api/map').catch(() => null); };
/** Who made the base map, or ''. */
export const attribution = () => (base?.tiles ? base.attribution : '');

let outlines: Promise<Collection> | null = null;
/** Outlines of the regions that this person may see: the entity that regions refer to, its area field. */
export async function regionOutlines(): Promise<Collection> {
  await readBase();
  const name = entities().flatMap((e) => e.fields).find((f) => f.type === 'region' && f.to)?.to ?? 'region';
  const e = known(name), area = e?.fields.find((f) => f.type === 'polygon');
  if (!e || !area || !e.may.includes('read')) return { type: 'FeatureCollection', features: [] };
  outlines ??= get<Collection>(`${recordsPath(name)}?${new URLSearchParams({ select: [e.id, e.label ?? e.id, area.name].join(','), [area.name]: 'not.is.null', limit: '400' })}`, { headers: { Accept: 'application/geo+json' } });
  try { return await outlines; } catch (e) { outlines = null; throw e; }
}

export const style = (regions: Collection): StyleSpecification => ({
  version: 8,
  sources: {
    regions: { type: 'geojson', data: regions as never },
    ...(base?.tiles ? { base: { type: 'raster' as const, tiles: [location.origin + base.tiles], tileSize: 256, maxzoom: base.max_zoom } } : {}),
  },
  layers: [
    { id: 'ground', type: 'background', paint: { 'background-color': '#f7f8fa' } },
    ...(base?.tiles ? [{ id: 'base', type: 'raster' as const, source: 'base' }] : []),
    { id: 'region-fill', type: 'fill', source: 'regions', paint: { 'fill-color': '#1558b0', 'fill-opacity': 0.04 } },
    { id: 'region-line', type: 'line', source: 'regions', paint: { 'line-color': '#7d8695', 'line-width': 1 } },
  ],
});

type Box = [number, number, number, number];
export function boundsOf(shapes: unknown[]): Box | null {
  const box: Box = [180, 90, -180, -90];
  const walk = (c: unknown): void => {
    if (!Array.isArray(c)) return;
    if (typeof c[0] === 'number') {
      box[0] = Math.min(box[0], c[0]); box[1] = Math.min(box[1], c[1] as number);
      box[2] = Math.max(box[2], c[0]); box[3] = Math.max(box[3], c[1] as number);
    } else c.forEach(walk);
  };
  for (const s of shapes) walk((s as { coordinates?: unknown } | null)?.coordinates);
  return box[0] <= box[2] ? box : null;
}

/** Where a map opens: on these shapes, or, where there are none yet, on the whole country. No city is written down here. */
export function opening(shapes: unknown[], padding = 30) {
  const bounds = boundsOf(shapes);
  return bounds ? { bounds, fitBoundsOptions: { padding, maxZoom: 13 } } : { center: [104, 35] as [number, number], zoom: 3 };
}
export const shapesOf = (c: Collection) => c.features.map((x) => x.geometry);
/** The middle of the city's outlines as people write it, or '': an example of a place that is theirs. */
export async function somePlace(): Promise<string> {
  const b = boundsOf(shapesOf(await regionOutlines().catch(() => ({ type: 'FeatureCollection', features: [] }) as Collection)));
  return b ? `${((b[0] + b[2]) / 2).toFixed(2)}, ${((b[1] + b[3]) / 2).toFixed(2)}` : '';
}
