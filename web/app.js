// SPDX-License-Identifier: MulanPSL-2.0
// The page: who is here, what they may see on the left, list and record in the middle, kept fresh by the event stream.
import { Problem, call, forget, get } from './api.js';
import { byId, fill, h, say } from './dom.js';
import { showForm } from './form.js';
import { markOpen, showList } from './list.js';
import { showRecord } from './record.js';
import { showChange, showSignIn } from './signin.js';
import { follow, go, href, read, watch } from './state.js';

let me = null, all = [], stream = null, streamOf = '', refresh = null, editing = false;
const pane = h('section', { class: 'pane', 'aria-label': '列表' });
const side = h('section', { class: 'side', 'aria-label': '记录', hidden: true });

const fresh = { q: '', f: [], s: '', p: 1, c: [], id: '', v: '' };

function drawTop() {
  fill(byId('top'),
    me ? h('button', { type: 'button', class: 'menu', 'aria-expanded': 'false', 'aria-controls': 'nav', onclick: (event) => {
      const open = byId('nav').classList.toggle('open');
      event.currentTarget.setAttribute('aria-expanded', String(open));
    } }, '目录') : null,
    h('a', { class: 'brand', href: '/', onclick: me ? follow({ e: '', ...fresh }) : null }, '城枢', h('small', null, '城市数字政府')),
    h('span', { class: 'grow' }),
    me ? [h('div', { class: 'who' }, me.name || me.user, h('span', null, ` · ${me.user}`)), h('button', { type: 'button', onclick: signOut }, '退出')] : null);
}

/** Entities by the system they belong to, in the order of the packs. */
function groups() {
  const by = new Map();
  for (const e of all) if (e.may.includes('read') || e.may.includes('create')) {
    const name = e.system_title || e.group || '其他';
    if (!by.has(name)) by.set(name, []);
    by.get(name).push(e);
  }
  return [...by];
}

function drawNav(s) {
  const nav = byId('nav');
  nav.hidden = false;
  nav.classList.remove('open');
  document.querySelector('.menu')?.setAttribute('aria-expanded', 'false');
  fill(nav, groups().map(([title, list]) => [h('h2', null, title), h('ul', null, list.map((e) => h('li', null,
    h('a', { href: href({ e: e.name }), 'aria-current': s.e === e.name ? 'page' : null, onclick: follow({ e: e.name, ...fresh }) }, e.title))))]));
}

function drawHome() {
  document.title = '城枢';
  const list = groups();
  fill(pane, h('div', { class: 'home' },
    h('div', null, h('h1', null, `${me.name || me.user}，您好`), h('p', { class: 'quiet' }, list.length ? '选择一类数据开始。' : '您还没有可以查看的数据；需要时请向安全管理员申请。')),
    list.map(([title, entities]) => h('section', null, h('h2', null, title), h('div', { class: 'cards' }, entities.map((e) =>
      h('a', { href: href({ e: e.name }), onclick: follow({ e: e.name, ...fresh }) }, h('b', null, e.title), h('span', { class: 'quiet small' }, e.fields.slice(0, 4).map((f) => f.title).join('、')))))))));
}

async function drawSide(s, quietly = false) {
  editing = Boolean(s.v) && s.e !== '';
  const open = s.e !== '' && (s.id !== '' || s.v === 'new');
  side.hidden = !open;
  byId('main').classList.toggle('two', open);
  if (!open) return fill(side);
  return s.v === 'new' || s.v === 'edit' ? showForm(side, s, all) : showRecord(side, s, all, { quietly });
}

const listKey = (s) => JSON.stringify([s.e, s.q, s.f, s.s, s.p, s.c]);

async function draw(s, before) {
  try {
    drawNav(s);
    if (!byId('main').contains(pane)) fill(byId('main'), pane, side);
    connect(s.e);
    const sameList = before && listKey(s) === listKey(before) && pane.querySelector('#rows');
    const saved = before?.v && !s.v;
    const waits = [];
    if (!s.e) drawHome();
    else if (!sameList || saved || (before.id && !s.id)) waits.push(showList(pane, s, all));
    if (!before || before.id !== s.id || before.v !== s.v || before.e !== s.e) waits.push(drawSide(s));
    await Promise.all(waits);
    if (s.e) markOpen(pane, s.id);
    if (before?.id && !s.id && !s.v) pane.querySelector(`a[href*="id=${CSS.escape(encodeURIComponent(before.id))}"]`)?.focus();
  } catch (error) { trouble(error); }
}

function trouble(error) {
  if (error.name === 'AbortError') return;
  if (error instanceof Problem && error.status === 401) { signedOut('登录已过期，请重新登录；没有保存的内容还在。'); return; }
  fill(pane, h('div', { class: 'note bad', role: 'alert' }, h('h2', null, error instanceof Problem ? error.message : '页面出错了'),
    h('p', null, error.hint || '请刷新页面重试。'), error.trace ? h('p', { class: 'small quiet' }, `追踪号 ${error.trace}`) : null));
  if (!(error instanceof Problem)) throw error;
}

/* ---- live ---- */

function changed(event) {
  const s = read(), what = JSON.parse(event.data);
  if (what.entity !== s.e) return;
  if (editing && what.record === s.id && s.v === 'edit') say('这条记录刚刚被改动，保存时会提示您核对');
  clearTimeout(refresh);
  refresh = setTimeout(async () => {
    const now = read();
    if (now.e !== what.entity || pane.querySelector('details[open]')) return;
    try {
      await showList(pane, now, all);
      if (!editing && now.id === what.record) await drawSide(now, true);
    } catch (error) { trouble(error); }
  }, 600);
}

function connect(name) {
  if (streamOf === name) return;
  stream?.close();
  stream = null;
  streamOf = name;
  if (!name || typeof EventSource === 'undefined' || !all.find((e) => e.name === name)?.may.includes('read')) return;
  stream = new EventSource(`/api/stream?entity=${encodeURIComponent(name)}`);
  stream.addEventListener('change', changed);
}

/* ---- coming and going ---- */

function signedOut(message) {
  me = null;
  connect('');
  forget();
  drawTop();
  byId('nav').hidden = true;
  byId('main').classList.remove('two');
  showSignIn(byId('main'), signedIn, message);
}

async function signOut() {
  try { await call('DELETE', '/api/session'); } catch (e) { if (e.status !== 401) { say(e.message); return; } }
  signedOut();
}

async function signedIn() {
  me = await get('/api/me');
  if (me.must_change) {
    me = null;
    return showChange(byId('main'), signedIn);
  }
  all = await get('/api/entities');
  drawTop();
  fill(byId('main'), pane, side);
  await draw(read(), null);
  return undefined;
}

addEventListener('keydown', (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? '');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
    const box = byId('search');
    if (box) { event.preventDefault(); box.focus(); box.select(); }
  }
  if (event.key !== 'Escape' || document.querySelector('dialog[open]')) return;
  const open = document.querySelector('details.pop[open]');
  if (open) { open.open = false; open.querySelector('summary').focus(); } else if (read().id && !editing) go({ id: '', v: '' });
});
addEventListener('click', (event) => {
  for (const d of document.querySelectorAll('details.pop[open]')) if (!d.contains(event.target)) d.open = false;
});

drawTop();
watch((now, before) => { if (me) draw(now, before); });
signedIn().catch((error) => {
  if (error.status === 401) return signedOut();
  fill(byId('main'), pane);
  return trouble(error);
});
