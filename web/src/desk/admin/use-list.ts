// SPDX-License-Identifier: MulanPSL-2.0
import { onMounted, ref } from 'vue';
import type { Address } from '../../shared/api';
import { get, told } from '../../shared/api';
import { say } from '../ui';

/** A list read from the server, its trouble, and a way to do something and read it again. */
export function useList<T>(path: () => Address) {
  const list = ref<T[] | null>(null), trouble = ref('');
  async function load() {
    try { list.value = await get<T[]>(path()) as never; trouble.value = ''; } catch (e) { trouble.value = told(e); }
  }
  async function run<R>(fn: () => Promise<R>, words = ''): Promise<R | undefined> {
    trouble.value = '';
    try {
      const r = await fn();
      if (words) say(words);
      await load();
      return r;
    } catch (e) { trouble.value = told(e); return undefined; }
  }
  onMounted(load);
  return { list, trouble, load, run };
}
