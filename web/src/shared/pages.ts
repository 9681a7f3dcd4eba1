// SPDX-License-Identifier: MulanPSL-2.0
// Pages that packs declare (pages.yaml).
import { reactive } from 'vue';
import { get } from './api';

export interface Chart { title: string; kind: 'figure' | 'bar' | 'line' | 'pie' | 'table'; entity: string; query: string; x?: string; y?: string; series?: string; unit?: string; help?: string; wide?: boolean }
export interface Page { page: string; title: string; system: string; kind: 'list' | 'map' | 'board' | 'calendar' | 'tree'; entity?: string; query?: string; date?: string; about?: string; charts?: Chart[] }
const state = reactive({ pages: [] as Page[] });
export async function loadPages() { state.pages = await get<Page[]>('/api/pages'); }
export const allPages = () => state.pages;
export const pagesOf = (system: string) => state.pages.filter((p) => p.system === system);
export const pageNamed = (name: string) => state.pages.find((p) => p.page === name);
