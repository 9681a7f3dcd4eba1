// SPDX-License-Identifier: MulanPSL-2.0
// What the packs declare, as the server tells it: entities with their fields and what this person may do.
import { reactive } from 'vue';
import { get } from './api';

export interface Code { code: string; title: string; parent?: string; from?: string; to?: string }
export interface Field {
  name: string; title: string; type: string; required?: boolean; unique?: boolean; sensitivity?: number; unit?: string; help?: string;
  pattern?: string; default?: string; min?: number | 'today'; max?: number | 'today'; scale?: number; to?: string; computed?: boolean;
  masked?: boolean; read_only?: boolean; indexed?: boolean; codes_name?: string; codes?: Code[];
}
export interface Entity {
  name: string; title: string; system: string; system_title: string; group: string; key: string | null; id: string; label: string | null;
  tree: string | null; region: string | null; org: string | null; history: boolean; order: string; order_desc: boolean; unique: string[][];
  may: string[]; purposes: string[]; fields: Field[];
}
export type Row = Record<string, unknown>;

const state = reactive({ entities: [] as Entity[] });
const full = new Map<string, Promise<Entity>>();

export async function loadEntities() {
  state.entities = await get<Entity[]>('/api/entities');
  full.clear();
}
export function forgetEntities() { state.entities = []; full.clear(); }
/** The entities that this person may read or add to. */
export const entities = () => state.entities.filter((e) => e.may.includes('read') || e.may.includes('create'));
export const known = (name: string | undefined) => state.entities.find((e) => e.name === name);
/** Everything about an entity, code values included; kept for the session. */
export function entity(name: string): Promise<Entity> {
  let loading = full.get(name);
  if (!loading) {
    loading = get<Entity>(`/api/entities/${encodeURIComponent(name)}`);
    loading.catch(() => full.delete(name));
    full.set(name, loading);
  }
  return loading;
}

export const isNumber = (f: Field) => ['int', 'decimal', 'money'].includes(f.type);
export const isGeo = (f: Field) => ['point', 'line', 'polygon'].includes(f.type);
export const isRef = (f: Field) => ['ref', 'region', 'org'].includes(f.type) && Boolean(f.to);
export const isList = (f: Field) => ['refs', 'files'].includes(f.type);
export const isTime = (f: Field) => ['date', 'time', 'datetime'].includes(f.type);
export const isEmpty = (v: unknown) => v === null || v === undefined || v === '' || (Array.isArray(v) && !v.length);
export const fieldOf = (e: Entity, name: string | null | undefined) => e.fields.find((f) => f.name === name);
export const geoField = (e: Entity) => e.fields.find(isGeo);
export const labelOf = (e: Entity, row: Row) => String((e.label && row[e.label]) || row[e.id] || '');
export const idOf = (e: Entity, row: Row) => String(row[e.id]);

/** Entities by the heading of the system they belong to, in the order of the packs. */
export function groups(): [string, [string, Entity[]][]][] {
  const out = new Map<string, Map<string, Entity[]>>();
  for (const e of entities()) {
    const systems = out.get(e.group || '其他') ?? new Map<string, Entity[]>();
    systems.set(e.system_title, [...systems.get(e.system_title) ?? [], e]);
    out.set(e.group || '其他', systems);
  }
  return [...out].map(([group, systems]) => [group, [...systems]]);
}

/** Fields that a person knows a record by, for search and lookups. */
export function wordFields(e: Entity): Field[] {
  const ok = (f: Field | undefined): f is Field => Boolean(f) && ['text', 'credit-code', 'person-id', 'phone'].includes(f!.type) && !f!.masked && !f!.computed;
  return [...new Set([...[e.label, e.key].map((n) => fieldOf(e, n)).filter(ok), ...e.fields.filter(ok)])].slice(0, 5);
}
