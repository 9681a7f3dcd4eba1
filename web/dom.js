// SPDX-License-Identifier: MulanPSL-2.0
// Making elements without markup text: what comes from people is only ever text, never HTML.

/** h('a', {href, class, onclick}, child, …): children are nodes or text; null and false are left out. */
export function h(name, props, ...children) {
  const el = document.createElement(name);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) el.addEventListener(key.slice(2), value);
    else if (key === 'value') el.value = value;
    else el.setAttribute(key, value === true ? '' : String(value));
  }
  add(el, children);
  return el;
}

export function add(el, children) {
  for (const c of children.flat(Infinity)) if (c !== null && c !== undefined && c !== false) el.append(c);
  return el;
}

/** Replaces what is in an element. */
export function fill(el, ...children) {
  el.replaceChildren();
  return add(el, children);
}

const SVG = 'http://www.w3.org/2000/svg';
export function svg(name, props, ...children) {
  const el = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(props ?? {})) el.setAttribute(key, String(value));
  return add(el, children);
}

export const byId = (id) => document.getElementById(id);

let timer;
/** A short word at the bottom, read aloud by screen readers. */
export function say(text) {
  byId('live').textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => { byId('live').textContent = ''; }, 5000);
}

/** Asks before something that cannot be taken back; resolves to true or false. */
export function ask(title, text, yes) {
  return new Promise((resolve) => {
    const done = (answer) => { box.close(); box.remove(); resolve(answer); };
    const box = h('dialog', { 'aria-labelledby': 'ask-title', oncancel: () => done(false) },
      h('h2', { id: 'ask-title' }, title), h('p', null, text),
      h('div', { class: 'row end' },
        h('button', { type: 'button', onclick: () => done(false) }, '取消'),
        h('button', { type: 'button', class: 'danger', onclick: () => done(true) }, yes)));
    document.body.append(box);
    box.showModal();
  });
}
