// SPDX-License-Identifier: MulanPSL-2.0
// Indicators as the server gives them, for the desk and the screen.
import { get } from './api';
import { bigNumber } from './format';

export type Status = 'reached' | 'on_track' | 'behind' | 'no_data';
export interface Target { year: number; value: number | null; op?: string; text?: string }
export interface Measure { entity: string; params: unknown[]; query: string; rows: number; sql: string }
export interface Region { region: string; title: string; value: number | null; num: number; den?: number; suppressed: boolean }
/** One period's value, where it comes from, and the same by region. */
export interface Period {
  from: string; to: string; version: number; value: number | null; suppressed: boolean; as_of: string; reported?: { by: string; at: string; file: string; note?: string };
  lineage?: { journal_seq: number; rows: number; computed_at: string; measures: Record<string, Measure> }; regions?: Region[];
}
export interface Point { from: string; to: string; value: number | null; region?: string; title?: string }
export interface Indicator {
  id: string; no: number | null; title: string; group: string; unit: string; direction: 'more' | 'less'; period: string; definition: string; owner: string | null; departments: string[]; version: number;
  source: 'computed' | 'reported' | 'none'; value: number | null; period_from: string | null; period_to: string | null; as_of: string | null; target: Target | null; status: Status | null; say: string | null; trend: Point[]; by: string[]; suppressed?: boolean;
}
export const statusWords: Record<Status, string> = { reached: '已达到', on_track: '按进度', behind: '落后', no_data: '尚无数据' };
export const statusMark: Record<Status, string> = { reached: '✓', on_track: '→', behind: '!', no_data: '–' };
export const statusTone: Record<Status, string> = { reached: 'good', on_track: 'blue', behind: 'bad', no_data: '' };
/** What a tag says: its status, or why there is none. */
export const standing = (i: Indicator) => (i.source === 'none' ? '尚无数据来源' : i.status === 'no_data' ? i.say ?? '尚无数据' : i.status ? statusWords[i.status] : '没有目标');
export const sourceWords = { computed: '系统计算', reported: '部门填报', none: '尚无数据来源' };
export const readIndicator = (id: string, by?: string) => get<Indicator & { series: Period[] }>(`/api/indicators/${encodeURIComponent(id)}${by ? `?by=${by}` : ''}`);
export const readIndicators = async () => (await get<{ items: Indicator[] }>('/api/indicators')).items;
export const shown = (i: { value: number | null; unit: string; suppressed?: boolean; source?: string }) => (i.suppressed ? '不足 10 人，不显示' : i.value === null ? '—' : `${bigNumber(i.value)}${i.unit === '%' ? '%' : ''}`);
export const targetWords = (t: Target | null, unit: string) => (!t ? '没有目标' : t.op === 'hold' && t.value !== null ? `保持 ${t.value}${unit}` : t.text && t.text !== '/' ? `${t.year} 年 ${t.text}` : t.value === null ? '没有目标' : `${t.year} 年 ${t.value}${unit}`);
/** By group: the plan's own groups and items first, in the plan's order. */
export const byGroup = (items: Indicator[]) => { const m = new Map<string, Indicator[]>(); for (const i of [...items].sort((a, b) => (a.no ?? 1e6) - (b.no ?? 1e6))) m.set(i.group, [...m.get(i.group) ?? [], i]); return [...m]; };
