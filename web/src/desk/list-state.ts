// SPDX-License-Identifier: MulanPSL-2.0
// What a list shows stands in the address: q words, f filters (field.operator.value), s order, c columns, as view,
// id open record, new / edit forms. From it the query in PostgREST's conventions.
import { computed } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import type { Entity, Field } from '../shared/meta';
import { fieldOf, isGeo, isList, isNumber, isRef, isTime, known, wordFields } from '../shared/meta';
import * as format from '../shared/format';

export interface ListState { q: string; f: string[]; s: string; c: string[]; as: string; id: string; form: '' | 'new' | 'edit' }
export interface Filter { field: string; op: string; value: string }

const one = (v: unknown) => (Array.isArray(v) ? String(v[0] ?? '') : typeof v === 'string' ? v : '');
const many = (v: unknown) => (Array.isArray(v) ? v.map(String) : typeof v === 'string' ? [v] : []);

export function useListState() {
  const route = useRoute(), router = useRouter();
  const state = computed<ListState>(() => {
    const u = route.query;
    return { q: one(u.q), f: many(u.f), s: one(u.s), c: one(u.c).split(',').filter(Boolean), as: one(u.as) || 'list', id: one(u.id), form: 'new' in u ? 'new' : 'edit' in u ? 'edit' : '' };
  });
  const address = (changes: Partial<ListState>) => {
    const s = { ...state.value, ...changes };
    const query: Record<string, string | string[]> = {};
    for (const k of ['month', 'on']) if (route.query[k]) query[k] = one(route.query[k]); // the calendar's own
    if (s.q) query.q = s.q;
    if (s.f.length) query.f = s.f;
    if (s.s) query.s = s.s;
    if (s.c.length) query.c = s.c.join(',');
    if (s.as !== 'list') query.as = s.as;
    if (s.id) query.id = s.id;
    if (s.form) query[s.form] = '1';
    return { path: route.path, query };
  };
  const go = (changes: Partial<ListState>, replace = false) => router[replace ? 'replace' : 'push'](address(changes));
  return { state, go, address };
}

export const parseFilter = (text: string): Filter => {
  const [field, op, ...rest] = text.split('.');
  return { field, op, value: rest.join('.') };
};
export const operators: Record<string, [string, string][]> = {
  text: [['ilike', '包含'], ['eq', '等于'], ['empty', '没有填'], ['filled', '填了']],
  choice: [['eq', '是'], ['neq', '不是'], ['empty', '没有填'], ['filled', '填了']],
  order: [['gte', '不小于'], ['lte', '不大于'], ['eq', '等于'], ['empty', '没有填'], ['filled', '填了']],
  date: [['gte', '不早于'], ['lte', '不晚于'], ['eq', '等于'], ['empty', '没有填'], ['filled', '填了']],
};
export const kindOf = (f: Field) => (isNumber(f) ? 'order' : isTime(f) ? 'date' : ['enum', 'bool'].includes(f.type) || isRef(f) ? 'choice' : 'text');
export const filterable = (f: Field) => !isGeo(f) && !isList(f) && !['json', 'file'].includes(f.type) && !f.masked;
export const sortable = (f: Field) => !isGeo(f) && !isList(f) && !['json', 'longtext', 'file'].includes(f.type) && !f.masked;

export function filterWords(e: Entity, text: string, nameOf: (f: Field, v: string) => string): string {
  const { field, op, value } = parseFilter(text);
  const f = fieldOf(e, field);
  if (!f) return text;
  const word = operators[kindOf(f)].find((o) => o[0] === op)?.[1] ?? op;
  return `${f.title} ${word} ${['empty', 'filled'].includes(op) ? '' : nameOf(f, value)}`.trim();
}
export const valueWords = (f: Field, v: string) => (f.type === 'bool' ? (v === 'true' ? '是' : '否') : f.type === 'enum' ? format.codeTitle(f, v) : v);

const COLUMNS = 7;
export function columnsOf(e: Entity, chosen: string[]): Field[] {
  const wide = (f: Field) => ['longtext', 'json', 'file'].includes(f.type) || isGeo(f) || isList(f);
  const named = e.fields.filter((f) => f.name === e.label || f.name === e.key);
  const rest = e.fields.filter((f) => !named.includes(f) && !wide(f) && !f.masked);
  const pick = chosen.length ? e.fields.filter((f) => chosen.includes(f.name)) : e.fields.filter((f) => [...named, ...rest].slice(0, COLUMNS).includes(f));
  const label = pick.find((f) => f.name === e.label) ?? pick[0];
  return label ? [label, ...pick.filter((f) => f !== label)] : pick;
}

/** Filters and words as query parameters. */
export function conditions(e: Entity, s: Pick<ListState, 'q' | 'f'>): URLSearchParams {
  const u = new URLSearchParams();
  for (const filter of s.f) {
    const { field, op, value } = parseFilter(filter);
    const f = fieldOf(e, field);
    if (op === 'raw') { u.append(field, value); continue; }
    const below = f && f.type === 'region' && op === 'eq' ? subtree(value) : '';
    u.append(field, below || (op === 'empty' ? 'is.null' : op === 'filled' ? 'not.is.null' : op === 'ilike' ? `ilike.*${value}*` : `${op}.${value}`));
  }
  if (s.q && wordFields(e).length) u.set('_text', `fts.${s.q}`);
  return u;
}
/** Region codes are hierarchical: a county stands for its towns and villages, too. */
function subtree(code: string): string {
  const prefix = /^\d{2}0000$/.test(code) ? code.slice(0, 2) : /^\d{4}00$/.test(code) ? code.slice(0, 4) : /^\d{6}$/.test(code) || /^\d{9}$/.test(code) ? code : '';
  return prefix ? `like.${prefix}*` : '';
}

export function selectOf(e: Entity, columns: Field[]): string {
  const select = new Set([e.id, ...columns.map((f) => f.name)]);
  for (const f of columns) {
    const to = isRef(f) ? known(f.to) : undefined;
    if (to?.label && to.may.includes('read')) select.add(`${f.name}_:${f.name}(${to.label})`);
  }
  return [...select].join(',');
}
/** Text of a cell: the referred record's name where the row brings it. */
export function cellText(f: Field, row: Record<string, unknown>): string {
  const ref = row[`${f.name}_`];
  if (ref && typeof ref === 'object') return String(Object.values(ref)[0] ?? row[f.name]);
  return format.text(f, row[f.name]);
}
