// SPDX-License-Identifier: MulanPSL-2.0
// What is on the screen stands in the address bar, so that any view can be sent to a colleague:
// e entity, q search, f filters (field.operator.value), s order, p page, c columns, id record, v new | edit.

export function read() {
  const u = new URLSearchParams(location.search);
  return {
    e: u.get('e') ?? '', q: u.get('q') ?? '', f: u.getAll('f'), s: u.get('s') ?? '',
    p: Math.max(1, Number.parseInt(u.get('p') ?? '1', 10) || 1),
    c: (u.get('c') ?? '').split(',').filter(Boolean), id: u.get('id') ?? '', v: u.get('v') ?? '',
  };
}

export function href(s) {
  const u = new URLSearchParams();
  if (s.e) u.set('e', s.e);
  if (s.q) u.set('q', s.q);
  for (const f of s.f ?? []) u.append('f', f);
  if (s.s) u.set('s', s.s);
  if (s.p > 1) u.set('p', s.p);
  if (s.c?.length) u.set('c', s.c.join(','));
  if (s.id) u.set('id', s.id);
  if (s.v) u.set('v', s.v);
  const text = u.toString();
  return text ? `/?${text}` : '/';
}

let listener = () => {};
/** fn(state, before) after every change. */
export function watch(fn) {
  let before = read();
  listener = () => { const now = read(); fn(now, before); before = now; };
  addEventListener('popstate', () => listener());
}

/** Goes to the current state with some of it changed. */
export function go(changes, { replace = false } = {}) {
  const url = href({ ...read(), ...changes });
  history[replace ? 'replaceState' : 'pushState'](null, '', url);
  listener();
}

/** onclick for links of this page: keeps new tabs and windows working. */
export function follow(changes) {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(changes);
  };
}
