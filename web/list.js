// SPDX-License-Identifier: MulanPSL-2.0
// The list of one entity: search, filters as chips, order, columns, count, pages.
import { Problem, call, entity, quoted } from './api.js';
import { fill, h } from './dom.js';
import * as format from './format.js';
import { follow, go, href, read } from './state.js';

const PAGE = 50, COLUMNS = 6;

const OPERATORS = {
  text: [['ilike', '包含'], ['eq', '等于'], ['empty', '没有填'], ['filled', '填了']],
  choice: [['eq', '是'], ['neq', '不是'], ['empty', '没有填'], ['filled', '填了']],
  order: [['gte', '不小于'], ['lte', '不大于'], ['eq', '等于'], ['empty', '没有填'], ['filled', '填了']],
  date: [['gte', '不早于'], ['lte', '不晚于'], ['eq', '等于'], ['empty', '没有填'], ['filled', '填了']],
};
const kindOf = (f) => (format.isNumber(f) ? 'order' : ['date', 'time', 'datetime'].includes(f.type) ? 'date'
  : ['enum', 'bool'].includes(f.type) || format.isRef(f) ? 'choice' : 'text');
const filterable = (f) => !format.isGeo(f) && !format.isList(f) && !['json', 'file'].includes(f.type) && !f.masked;

function split(filter) {
  const [field, op, ...rest] = filter.split('.');
  return { field, op, value: rest.join('.') };
}

/** Text fields that the search box looks into: the ones people know a record by. */
function searchFields(e) {
  const ok = (f) => f && ['text', 'credit-code', 'person-id'].includes(f.type) && !f.masked && !f.computed;
  const first = [e.label, e.key].map((n) => e.fields.find((f) => f.name === n)).filter(ok);
  return [...new Set([...first, ...e.fields.filter(ok)])].slice(0, 5);
}

function columnsOf(e, chosen) {
  const wide = (f) => ['longtext', 'json', 'file'].includes(f.type) || format.isGeo(f) || format.isList(f);
  if (chosen.length) return e.fields.filter((f) => chosen.includes(f.name));
  const named = e.fields.filter((f) => f.name === e.label || f.name === e.key);
  const rest = e.fields.filter((f) => !named.includes(f) && !wide(f) && !f.masked);
  const pick = new Set([...named, ...rest].slice(0, COLUMNS));
  return e.fields.filter((f) => pick.has(f));
}

/** The label's column first: it names the row and opens it. */
function ordered(e, columns) {
  const label = columns.find((f) => f.name === e.label) ?? columns[0];
  return label ? [label, ...columns.filter((f) => f !== label)] : columns;
}

export function listPath(e, s, columns, labels) {
  const u = new URLSearchParams();
  const select = new Set([e.id, ...columns.map((f) => f.name)]);
  for (const f of columns) if (format.isRef(f) && labels[f.to]) select.add(`${f.name}_:${f.name}(${labels[f.to]})`);
  u.set('select', [...select].join(','));
  for (const filter of s.f) {
    const { field, op, value } = split(filter);
    u.append(field, op === 'empty' ? 'is.null' : op === 'filled' ? 'not.is.null' : op === 'ilike' ? `ilike.*${value}*` : `${op}.${value}`);
  }
  const search = searchFields(e);
  if (s.q && search.length) u.set('or', `(${search.map((f) => `${f.name}.ilike.${quoted(`*${s.q}*`)}`).join(',')})`);
  if (s.s) u.set('order', s.s);
  u.set('limit', PAGE);
  u.set('offset', (s.p - 1) * PAGE);
  return `/api/records/${e.name}?${u}`;
}

function valueText(f, value) {
  if (f?.type === 'bool') return value === 'true' ? '是' : '否';
  return f?.type === 'enum' ? format.codeTitle(f, value) : value;
}

function chips(e, s) {
  return s.f.map((filter, i) => {
    const { field, op, value } = split(filter);
    const f = e.fields.find((x) => x.name === field);
    const word = Object.values(OPERATORS).flat().find((o) => o[0] === op && (!f || OPERATORS[kindOf(f)].includes(o)))?.[1] ?? op;
    const said = `${f?.title ?? field} ${word} ${['empty', 'filled'].includes(op) ? '' : valueText(f, value)}`.trim();
    return h('span', { class: 'chip' }, said,
      h('button', { type: 'button', 'aria-label': `去掉筛选：${said}`, onclick: () => go({ f: s.f.filter((_, k) => k !== i), p: 1 }) }, '×'));
  });
}

function valueInput(f) {
  const choices = f.type === 'bool' ? [['true', '是'], ['false', '否']] : f.codes?.map((c) => [c.code, c.title]);
  if (choices) return h('select', { 'aria-label': '值' }, choices.map(([v, t]) => h('option', { value: v }, t)));
  return h('input', { 'aria-label': '值', type: f.type === 'date' ? 'date' : 'text', placeholder: format.isRef(f) ? '编号' : '' });
}

function filterBox(e, s) {
  const fields = e.fields.filter(filterable);
  const which = h('select', { 'aria-label': '字段' }, fields.map((f) => h('option', { value: f.name }, f.title)));
  const how = h('select', { 'aria-label': '条件' });
  const slot = h('div');
  const field = () => fields.find((f) => f.name === which.value);
  const refresh = () => {
    fill(how, OPERATORS[kindOf(field())].map(([v, t]) => h('option', { value: v }, t)));
    fill(slot, valueInput(field()));
    slot.hidden = false;
  };
  which.addEventListener('change', refresh);
  how.addEventListener('change', () => { slot.hidden = ['empty', 'filled'].includes(how.value); });
  const submit = (event) => {
    event.preventDefault();
    const value = slot.hidden ? '' : slot.firstChild.value.trim();
    if (!slot.hidden && !value) return slot.firstChild.focus();
    return go({ f: [...s.f, `${which.value}.${how.value}${slot.hidden ? '' : `.${value}`}`], p: 1 });
  };
  if (fields.length) refresh();
  return h('details', { class: 'pop' }, h('summary', { class: 'button' }, '筛选'),
    h('form', { class: 'box', onsubmit: submit }, which, how, slot, h('button', { class: 'primary' }, '加上这个条件')));
}

function columnBox(e, shown) {
  const boxes = e.fields.map((f) => h('input', { type: 'checkbox', value: f.name, checked: shown.includes(f) }));
  return h('details', { class: 'pop' }, h('summary', { class: 'button' }, '显示列'),
    h('form', { class: 'box', onsubmit: (event) => { event.preventDefault(); go({ c: boxes.filter((b) => b.checked).map((b) => b.value) }); } },
      e.fields.map((f, i) => h('label', { class: 'check' }, boxes[i], f.title)),
      h('button', { class: 'primary' }, '应用')));
}

const sortable = (f) => !format.isGeo(f) && !format.isList(f) && !['json', 'longtext'].includes(f.type) && !f.masked;

function headCell(e, s, f) {
  const now = s.s || `${e.order}${e.order_desc ? '.desc' : ''}`;
  const dir = now === f.name ? 'ascending' : now === `${f.name}.desc` ? 'descending' : null;
  const cls = format.isNumber(f) ? 'num' : null;
  if (!sortable(f)) return h('th', { scope: 'col', class: cls }, f.title);
  const next = dir === 'ascending' ? `${f.name}.desc` : f.name;
  return h('th', { scope: 'col', class: cls, 'aria-sort': dir },
    h('button', { type: 'button', onclick: () => go({ s: next, p: 1 }) }, f.title, dir ? h('span', { 'aria-hidden': 'true' }, dir === 'ascending' ? ' ↑' : ' ↓') : null));
}

function shown(f, row) {
  const value = row[f.name];
  if (format.empty(value)) return '';
  if (f.type === 'datetime') return format.time(value);
  const ref = row[`${f.name}_`];
  if (ref && typeof ref === 'object') return Object.values(ref)[0] ?? String(value);
  return format.text(f, value);
}

function bodyRow(e, s, columns, row) {
  const id = String(row[e.id]);
  return h('tr', { class: s.id === id ? 'on' : null }, columns.map((f, i) => {
    const content = shown(f, row);
    const cls = [format.isNumber(f) && 'num', i && content === '' && 'none'].filter(Boolean).join(' ');
    const plain = typeof content === 'string' ? content : null;
    return h('td', { class: cls || null, 'data-title': f.title, title: plain && plain.length > 20 ? plain : null },
      i ? content : h('a', { href: href({ ...s, id, v: '' }), onclick: follow({ id, v: '' }), 'aria-current': s.id === id ? 'true' : null }, content === '' ? id : content));
  }));
}

function nothing(e, s) {
  if (s.q || s.f.length) return h('div', { class: 'empty' }, h('h2', null, '没有符合条件的记录'),
    h('p', { class: 'quiet' }, '换一个词，或去掉一些条件。'),
    h('button', { type: 'button', onclick: () => go({ q: '', f: [], p: 1 }) }, '去掉全部条件'));
  const create = e.may.includes('create');
  return h('div', { class: 'empty' }, h('h2', null, `这里还没有${e.title}`),
    h('p', { class: 'quiet' }, create ? '登记第一条，或请管理员从文件导入。' : '有了您可以查看的记录，会显示在这里。'),
    create ? h('a', { class: 'button primary', href: href({ e: e.name, v: 'new' }), onclick: follow({ id: '', v: 'new' }) }, `新增${e.title}`) : null);
}

function pager(s, total, n) {
  const from = (s.p - 1) * PAGE, pages = Math.max(1, Math.ceil(total / PAGE));
  return h('nav', { class: 'pager row', 'aria-label': '翻页' },
    h('span', { class: 'grow quiet' }, n ? `第 ${format.number(from + 1)}–${format.number(from + n)} 条，共 ${format.number(total)} 条` : `共 ${format.number(total)} 条`),
    h('button', { type: 'button', disabled: s.p <= 1, onclick: () => go({ p: s.p - 1 }) }, '上一页'),
    h('span', null, `${s.p} / ${pages}`),
    h('button', { type: 'button', disabled: s.p >= pages, onclick: () => go({ p: s.p + 1 }) }, '下一页'));
}

function searchBox(e, s) {
  const names = searchFields(e);
  if (!names.length) return null;
  const input = h('input', { id: 'search', type: 'search', value: s.q, placeholder: `搜索${names.slice(0, 2).map((f) => f.title).join('、')}（按 / ）`, 'aria-label': `在${e.title}里搜索` });
  return h('form', { class: 'search', role: 'search', onsubmit: (event) => { event.preventDefault(); go({ q: input.value.trim(), p: 1 }); } }, input);
}

/** Label field of each entity that columns refer to, so that references read as names. */
async function labelsOf(columns, all) {
  const labels = {};
  for (const f of columns) if (format.isRef(f)) {
    const to = all.find((x) => x.name === f.to);
    if (to?.label && to.may.includes('read')) labels[f.to] = to.label;
  }
  return labels;
}

let running;
/** Fetches and fills the rows; what was there stays until the answer is. */
async function load(e, s, columns, labels, slots) {
  running?.abort();
  running = new AbortController();
  slots.busy.classList.add('on');
  slots.rows.setAttribute('aria-busy', 'true');
  try {
    const { data, headers } = await call('GET', listPath(e, s, columns, labels), { headers: { Prefer: 'count=exact' }, signal: running.signal });
    const total = Number(/\/(\d+)$/.exec(headers.get('Content-Range') ?? '')?.[1] ?? data.length);
    slots.count.textContent = `${format.number(total)} 条`;
    if (!data.length && s.p === 1) fill(slots.rows, nothing(e, s));
    else fill(slots.rows, h('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': `${e.title}列表` },
      h('table', null, h('thead', null, h('tr', null, columns.map((f) => headCell(e, s, f)))),
        h('tbody', null, data.map((row) => bodyRow(e, s, columns, row))))), pager(s, total, data.length));
  } catch (error) {
    if (error.name === 'AbortError') return;
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) throw error;
    fill(slots.rows, h('div', { class: 'note bad', role: 'alert' }, h('p', null, error.message), error.hint ? h('p', { class: 'small' }, error.hint) : null,
      h('div', { class: 'row' }, h('button', { type: 'button', onclick: () => go({ q: '', f: [], s: '', p: 1, c: [] }) }, '恢复默认显示'))));
  }
  slots.busy.classList.remove('on');
  slots.rows.removeAttribute('aria-busy');
}

let current = null;
/** Shows the list in `pane`; again for the same entity only the parts that changed. */
export async function showList(pane, s, all) {
  const e = await entity(s.e);
  const columns = ordered(e, columnsOf(e, s.c));
  const slots = { busy: h('div', { class: 'busy' }), rows: h('div', { id: 'rows' }), count: h('span', { class: 'quiet', id: 'count', role: 'status' }) };
  if (current?.name === e.name && pane.contains(current.rows)) {
    fill(slots.rows, [...current.rows.childNodes]);
    slots.count.textContent = current.count.textContent;
  }
  current = { name: e.name, rows: slots.rows, count: slots.count };
  document.title = `${e.title} · 城枢`;
  const typing = document.activeElement?.id === 'search';
  fill(pane,
    h('div', { class: 'row' }, h('h1', null, e.title), slots.count, h('span', { class: 'grow' }),
      e.may.includes('create') ? h('a', { class: 'button primary', href: href({ e: e.name, v: 'new' }), onclick: follow({ id: '', v: 'new' }) }, `新增${e.title}`) : null),
    h('div', { class: 'bar row' }, searchBox(e, s), filterBox(e, s), columnBox(e, columns),
      h('a', { class: 'button', href: listPath(e, { ...s, p: 1 }, columns, {}).replace(/&limit=\d+&offset=\d+/, ''), download: `${e.title}.csv`, onclick: exportCsv(e, s, columns) }, '导出'), chips(e, s)),
    slots.busy, slots.rows);
  if (typing) pane.querySelector('#search')?.focus();
  await load(e, s, columns, await labelsOf(columns, all), slots);
}

/** CSV of what is shown, all pages. */
function exportCsv(e, s, columns) {
  return async (event) => {
    event.preventDefault();
    const path = listPath(e, { ...s, p: 1 }, columns, {}).replace(/&limit=\d+&offset=\d+/, '');
    const answer = await fetch(path, { headers: { Accept: 'text/csv' } });
    if (!answer.ok) return;
    const url = URL.createObjectURL(await answer.blob());
    h('a', { href: url, download: `${e.title}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };
}

/** Marks the open row without asking the server again. */
export function markOpen(pane, id) {
  for (const a of pane.querySelectorAll('tbody a')) {
    const on = new URL(a.href).searchParams.get('id') === id;
    a.closest('tr').classList.toggle('on', on);
    a.toggleAttribute('aria-current', on);
    a.href = href({ ...read(), id: new URL(a.href).searchParams.get('id'), v: '' });
  }
}
