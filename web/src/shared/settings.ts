// SPDX-License-Identifier: MulanPSL-2.0
// What a person arranged for themselves (saved views, followed records): kept by the server, the same on every device.
import { reactive } from 'vue';
import { call, get } from './api';
import { session } from './session';

const kept = reactive(new Map<string, unknown>());
let of = '', loading: Promise<void> | null = null;

export function loadSettings(): Promise<void> {
  const who = session.me?.user ?? '';
  if (of !== who) { kept.clear(); loading = null; of = who; }
  loading ??= get<Record<string, unknown>>('/api/me/settings').then((all) => { for (const [k, v] of Object.entries(all)) kept.set(k, v); });
  return loading.catch(() => { loading = null; });
}

/** One setting by name, with what it is until something was kept. */
export function setting<T>(key: string, fallback: T) {
  return {
    get value(): T { return (kept.get(key) ?? fallback) as T; },
    /** Shown once the server has it, so that what is seen is what will be there tomorrow. */
    async set(v: T) {
      await call('PUT', `/api/me/settings/${key}`, { body: v });
      kept.set(key, v);
    },
  };
}
