// SPDX-License-Identifier: MulanPSL-2.0
// What was typed and not yet saved: kept on this device by user, entity and record, until saved or thrown away.
import { session } from './session';

export interface Draft { at: string; etag: string | null; values: Record<string, string> }
const key = (entity: string, id: string) => `draft:${session.me?.user ?? ''}:${entity}:${id}`;

export function keepDraft(entity: string, id: string, etag: string | null, values: Record<string, string>) {
  try { localStorage.setItem(key(entity, id), JSON.stringify({ at: new Date().toISOString(), etag, values })); } catch { /* full or forbidden: the form itself still holds it */ }
}
export function readDraft(entity: string, id: string): Draft | null {
  try { return JSON.parse(localStorage.getItem(key(entity, id)) ?? 'null') as Draft | null; } catch { return null; }
}
export function dropDraft(entity: string, id: string) { localStorage.removeItem(key(entity, id)); }
/** All drafts of this user, newest first. */
export function drafts(): { entity: string; id: string; at: string }[] {
  const mine = `draft:${session.me?.user ?? ''}:`;
  return Object.keys(localStorage).filter((k) => k.startsWith(mine)).map((k) => {
    const [entity, ...rest] = k.slice(mine.length).split(':');
    return { entity, id: rest.join(':'), at: readDraft(entity, rest.join(':'))?.at ?? '' };
  }).sort((a, b) => b.at.localeCompare(a.at));
}
