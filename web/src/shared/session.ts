// SPDX-License-Identifier: MulanPSL-2.0
// Who is here.
import { reactive } from 'vue';
import { call, get } from './api';
import { forgetEntities, loadEntities } from './meta';
import { loadPages } from './pages';
import { stopLive } from './live';

export interface Me {
  user: string; name: string; roles: string[]; permissions: string[]; org?: string; region?: string; demo?: boolean; must_change?: boolean; second_factor?: boolean;
}
export const session = reactive({ me: null as Me | null, ready: false, message: '' });
export const may = (permission: string) => Boolean(session.me?.permissions.includes(permission));

/** Reads who is signed in; false when nobody is. */
export async function whoAmI(): Promise<boolean> {
  try {
    const me = await get<Me>('/api/me');
    if (!me.must_change) await Promise.all([loadEntities(), loadPages()]);
    session.me = me;
    return true;
  } catch (e) {
    if ((e as { status?: number }).status !== 401) throw e;
    session.me = null;
    return false;
  } finally { session.ready = true; }
}

export function signedOut(message = '') {
  session.me = null;
  session.message = message;
  stopLive();
  forgetEntities();
}
export async function signOut() {
  try { await call('DELETE', '/api/session'); } catch (e) { if ((e as { status?: number }).status !== 401) throw e; }
  signedOut();
}
