// SPDX-License-Identifier: MulanPSL-2.0
// One event stream a window: which record changed, for whoever on the page wants to know, and the unread messages.
import { onUnmounted, ref } from 'vue';

export interface Change { seq: number; entity: string; record: string; op: string; actor?: string; at?: string }
type Listener = (change: Change) => void;

const wanted = new Map<Listener, string[]>();
let source: EventSource | null = null, open = '', timer = 0, running = false;
/** false while the connection is gone; pages say so. */
export const connected = ref(true);
export const unread = ref(0);

function connect() {
  const names = [...new Set([...wanted.values()].flat())].sort();
  // the server takes 32 names; who wants more is told of everything and picks. The page was read a moment before the stream
  // stands: what changed in between is told, too.
  const address = `/api/stream?inbox=1&back=10${names.length && names.length <= 32 ? `&entity=${encodeURIComponent(names.join(','))}` : ''}`;
  if (!running || (address === open && source && source.readyState !== EventSource.CLOSED)) return;
  source?.close();
  open = address;
  source = new EventSource(address);
  source.onopen = () => { connected.value = true; };
  source.onerror = () => {
    connected.value = false;
    if (source?.readyState === EventSource.CLOSED) timer = window.setTimeout(connect, 3000);
  };
  source.addEventListener('inbox', (event) => { unread.value = (JSON.parse((event as MessageEvent<string>).data) as { unread: number }).unread; });
  source.addEventListener('change', (event) => {
    const change = JSON.parse((event as MessageEvent<string>).data) as Change;
    for (const [fn, list] of [...wanted]) if (list.includes(change.entity)) fn(change);
  });
}
const soon = () => { clearTimeout(timer); timer = window.setTimeout(connect, 30); };

export function startLive() { running = true; soon(); }
export function stopLive() {
  running = false;
  source?.close();
  source = null;
  wanted.clear();
  connected.value = true;
}

/** Calls fn for changes of these entities until the returned function is called. */
export function watchChanges(names: string[], fn: Listener): () => void {
  wanted.set(fn, names);
  soon();
  return () => { wanted.delete(fn); };
}

/** The same for the life of a component; the entities may change. Many changes at once are told once. */
export function useChanges(fn: (changes: Change[]) => void, delay = 150) {
  let stop: (() => void) | null = null, pending: Change[] = [], wait = 0;
  const listener = (c: Change) => {
    pending.push(c);
    if (!wait) wait = window.setTimeout(() => { wait = 0; const all = pending; pending = []; fn(all); }, delay);
  };
  onUnmounted(() => { stop?.(); clearTimeout(wait); });
  return (names: string[]) => { stop?.(); stop = names.length ? watchChanges(names, listener) : null; };
}
