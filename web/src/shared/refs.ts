// SPDX-License-Identifier: MulanPSL-2.0
// Names of referred records: asked for together, kept as long as the page; forgotten when the record is saved here.
import { reactive } from 'vue';
import { get, quoted, recordsPath } from './api';
import { known } from './meta';
import type { Row } from './meta';

const names = reactive(new Map<string, string>());
const waiting = new Map<string, Set<string>>();
let timer = 0;

async function ask() {
  timer = 0;
  const all = [...waiting];
  waiting.clear();
  await Promise.all(all.map(async ([to, ids]) => {
    const e = known(to)!;
    const u = new URLSearchParams({ select: [...new Set([e.id, e.label!])].join(','), [e.id]: `in.(${[...ids].map(quoted).join(',')})`, limit: '200' });
    try {
      for (const row of await get<Row[]>(`${recordsPath(to)}?${u}`)) names.set(`${to}/${String(row[e.id])}`, String(row[e.label!] ?? row[e.id]));
    } catch { /* the key itself is shown */ }
  }));
}

/** The name of a record, or its key until the name is known or when it may not be seen. Reactive. */
export function refName(to: string | undefined, id: unknown): string {
  const key = `${to}/${String(id)}`, at = names.get(key);
  if (at !== undefined) return at;
  const e = known(to);
  if (!e?.label || !e.may.includes('read')) return String(id);
  const ids = waiting.get(to!) ?? new Set<string>();
  if (ids.size >= 200) return String(id); // asked for with the next ones
  names.set(key, String(id));
  waiting.set(to!, ids.add(String(id)));
  if (!timer) timer = window.setTimeout(ask, 15);
  return String(id);
}
export function forgetRef(to: string, id: string) { names.delete(`${to}/${id}`); }
