// SPDX-License-Identifier: MulanPSL-2.0
// How values are shown to people.
import type { Field } from './meta';
import { isEmpty, isGeo, isNumber } from './meta';

const two = (n: number) => String(n).padStart(2, '0');
const DAY = 86400000;
// China has one time zone without summer time: shift, then read the UTC fields.
const china = (t: Date) => new Date(t.getTime() + 8 * 3600000);
const dayOf = (t: Date) => Math.floor((t.getTime() + 8 * 3600000) / DAY);
export const today = () => china(new Date()).toISOString().slice(0, 10);

/** 今天 14:05, 昨天 09:30, 3 天后, 6月3日 14:05, 2024年6月3日. */
export function shortTime(text: string, now = new Date()): string {
  const t = new Date(text);
  if (Number.isNaN(t.getTime())) return text;
  const c = china(t), days = dayOf(now) - dayOf(t);
  const clock = `${two(c.getUTCHours())}:${two(c.getUTCMinutes())}`;
  const date = `${c.getUTCMonth() + 1}月${c.getUTCDate()}日`;
  if (days === 0) return `今天 ${clock}`;
  if (days === 1) return `昨天 ${clock}`;
  if (days < 0 && days > -7) return `${-days} 天后 ${clock}`;
  return c.getUTCFullYear() === china(now).getUTCFullYear() ? `${date} ${clock}` : `${c.getUTCFullYear()}年${date}`;
}

export function fullTime(text: string): string {
  const t = new Date(text);
  return Number.isNaN(t.getTime()) ? text : china(t).toISOString().slice(0, 19).replace('T', ' ');
}

export function number(value: unknown): string {
  const m = /^(-?)(\d+)(\.\d+)?$/.exec(String(value));
  return m ? m[1] + m[2].replace(/\B(?=(\d{3})+$)/g, ',') + (m[3] ?? '') : String(value);
}

/** 1,234 万 / 5.6 亿 for figures that are read from afar. */
export function bigNumber(value: number): string {
  if (Math.abs(value) >= 1e8) return `${number((value / 1e8).toFixed(2).replace(/\.?0+$/, ''))} 亿`;
  if (Math.abs(value) >= 1e5) return `${number((value / 1e4).toFixed(1).replace(/\.0$/, ''))} 万`;
  return number(Number.isInteger(value) ? value : Number(value.toFixed(2)));
}

export const size = (n: number) => (n < 1024 ? `${n} 字节` : n < 1048576 ? `${(n / 1024).toFixed(1)} KB` : `${(n / 1048576).toFixed(1)} MB`);

export const codeTitle = (f: Field, value: unknown) => f.codes?.find((c) => c.code === value)?.title ?? String(value);

/** Plain text of a value, for tables, history and titles. */
export function text(f: Field | undefined, value: unknown): string {
  if (isEmpty(value)) return '';
  if (!f) return typeof value === 'object' ? JSON.stringify(value) : String(value);
  if (f.type === 'enum') return codeTitle(f, value);
  if (f.type === 'bool') return value ? '是' : '否';
  // years, numbers of things: four digits stand as they are
  if (f.type === 'int' && !f.unit && Math.abs(Number(value)) < 10000) return String(value);
  if (isNumber(f)) return (f.unique ? String(value) : number(value)) + (f.unit ? ` ${f.unit}` : '');
  if (f.type === 'datetime') return shortTime(String(value));
  if (f.type === 'point') return ((value as { coordinates?: number[] }).coordinates ?? []).map((x) => x.toFixed(5)).join(', ');
  if (isGeo(f)) return f.type === 'line' ? '（线形）' : '（范围）';
  if (Array.isArray(value)) return value.join('、');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
