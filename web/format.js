// SPDX-License-Identifier: MulanPSL-2.0
// How values are shown to people.
import { h, svg } from './dom.js';

const two = (n) => String(n).padStart(2, '0');
const DAY = 86400000;
// China has one time zone without summer time: shift, then read the UTC fields.
const china = (t) => new Date(t.getTime() + 8 * 3600000);
const dayOf = (t) => Math.floor((t.getTime() + 8 * 3600000) / DAY);

/** 今天 14:05, 昨天 09:30, 6月3日 14:05, 2024年6月3日; the full time on hover. */
export function time(text, now = new Date()) {
  const t = new Date(text);
  if (Number.isNaN(t.getTime())) return String(text);
  const c = china(t), days = dayOf(now) - dayOf(t);
  const clock = `${two(c.getUTCHours())}:${two(c.getUTCMinutes())}`;
  const date = `${c.getUTCMonth() + 1}月${c.getUTCDate()}日`;
  const sameYear = c.getUTCFullYear() === china(now).getUTCFullYear();
  const short = days === 0 ? `今天 ${clock}` : days === 1 ? `昨天 ${clock}` : sameYear ? `${date} ${clock}`
    : `${c.getUTCFullYear()}年${date}`;
  const full = `${c.getUTCFullYear()}-${two(c.getUTCMonth() + 1)}-${two(c.getUTCDate())} ${clock}:${two(c.getUTCSeconds())}`;
  return h('time', { datetime: text, title: full }, short);
}

export function number(value) {
  const text = String(value);
  const m = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  if (!m) return text;
  return m[1] + m[2].replace(/\B(?=(\d{3})+$)/g, ',') + (m[3] ?? '');
}

export const isNumber = (f) => ['int', 'decimal', 'money'].includes(f.type);
export const isGeo = (f) => ['point', 'line', 'polygon'].includes(f.type);
export const isRef = (f) => ['ref', 'region', 'org'].includes(f.type) && f.to;
export const isList = (f) => ['refs', 'files'].includes(f.type);
export const empty = (v) => v === null || v === undefined || v === '' || (Array.isArray(v) && !v.length);

export function codeTitle(f, value) {
  return f.codes?.find((c) => c.code === value)?.title ?? String(value);
}

/** Plain text of a value, for history, tables and titles. */
export function text(f, value) {
  if (empty(value)) return '空';
  if (!f) return typeof value === 'object' ? JSON.stringify(value) : String(value);
  if (f.type === 'enum') return codeTitle(f, value);
  if (f.type === 'bool') return value ? '是' : '否';
  if (f.type === 'int' && f.name !== 'no') return number(value) + (f.unit ?? '');
  if (isNumber(f)) return number(value) + (f.unit ?? '');
  if (f.type === 'point' && value.coordinates) return value.coordinates.map((x) => Number(x).toFixed(5)).join(', ');
  if (isGeo(f)) return f.type === 'line' ? '（线形）' : '（范围）';
  if (Array.isArray(value)) return value.join('、');
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

function rings(g) {
  switch (g?.type) {
    case 'Polygon': return g.coordinates;
    case 'MultiPolygon': return g.coordinates.flat();
    case 'LineString': return [g.coordinates];
    case 'MultiLineString': return g.coordinates;
    default: return [];
  }
}

/** A small outline of a line or area; widths are shrunk by the cosine of the latitude, so that shapes look right. */
export function outline(g, title) {
  const lines = rings(g);
  if (!lines.length || !lines[0].length) return null;
  const all = lines.flat();
  const xs = all.map((p) => p[0]), ys = all.map((p) => p[1]);
  const x0 = Math.min(...xs), x1 = Math.max(...xs), y0 = Math.min(...ys), y1 = Math.max(...ys);
  const k = Math.cos(((y0 + y1) / 2) * Math.PI / 180);
  const w = Math.max((x1 - x0) * k, 1e-9), hgt = Math.max(y1 - y0, 1e-9);
  const scale = 180 / Math.max(w, hgt), W = w * scale + 20, H = hgt * scale + 20;
  const at = ([x, y]) => `${(10 + (x - x0) * k * scale).toFixed(1)},${(10 + (y1 - y) * scale).toFixed(1)}`;
  const closed = g.type.includes('Polygon');
  const d = lines.map((line) => `M${line.map(at).join('L')}${closed ? 'Z' : ''}`).join('');
  return svg('svg', { class: 'shape', viewBox: `0 0 ${W.toFixed(0)} ${H.toFixed(0)}`, role: 'img', 'aria-label': `${title}的轮廓` },
    svg('path', { d, class: closed ? 'area' : 'open' }));
}
