// SPDX-License-Identifier: MulanPSL-2.0
// Text of a value for its input, and back. toValue throws a message when the text cannot be meant.
import type { Field } from '../../shared/meta';
import { isEmpty, isGeo, isList } from '../../shared/meta';

export function toText(f: Field, v: unknown): string {
  if (isEmpty(v)) return '';
  if (f.type === 'point') return ((v as { coordinates?: number[] }).coordinates ?? []).join(', ');
  if (isGeo(f) || f.type === 'json') return JSON.stringify(v);
  if (f.type === 'datetime') return String(v).slice(0, 16);
  if (isList(f)) return (v as string[]).join('\n');
  return String(v);
}

export function toValue(f: Field, text: string): unknown {
  const t = f.type === 'longtext' ? text : text.trim();
  if (t === '') return isList(f) ? [] : null;
  if (f.type === 'bool') return t === 'true';
  if (f.type === 'int' || f.type === 'decimal') {
    if (!/^-?\d+(\.\d+)?$/.test(t) || (f.type === 'int' && t.includes('.'))) throw new Error(`应填${f.type === 'int' ? '整数，例如 12' : '数字，例如 12.5'}`);
    return Number(t);
  }
  if (f.type === 'money') {
    const plain = t.replace(/[,，\s]/g, '');
    if (!/^-?\d+(\.\d{1,2})?$/.test(plain)) throw new Error('应填金额，例如 380000.00');
    return plain;
  }
  if (f.type === 'datetime') return `${t.length === 16 ? `${t}:00` : t}+08:00`;
  if (f.type === 'point') {
    const xy = t.split(/[,，\s]+/).map(Number);
    if (xy.length !== 2 || xy.some(Number.isNaN)) throw new Error('应填“经度, 纬度”：两个数，中间用逗号');
    return { type: 'Point', coordinates: xy };
  }
  if (isGeo(f) || f.type === 'json') {
    try { return JSON.parse(t); } catch { throw new Error(f.type === 'json' ? '不是有效的 JSON' : '不是有效的 GeoJSON'); }
  }
  if (isList(f)) return t.split(/[\n,，;；]+/).map((x) => x.trim()).filter(Boolean);
  return t;
}
