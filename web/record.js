// SPDX-License-Identifier: MulanPSL-2.0
// One record: its fields, its history as sentences, deleting it.
import { Problem, call, entity, get, recordPath } from './api.js';
import { ask, fill, h, say } from './dom.js';
import * as format from './format.js';
import { follow, go, href } from './state.js';

const titles = new Map();
/** The name of a referred record; its key when it may not be seen. */
async function titleOf(to, id, all) {
  const e = all.find((x) => x.name === to);
  if (!e?.may.includes('read') || !e.label) return id;
  const key = `${to}/${id}`;
  if (!titles.has(key)) titles.set(key, get(`${recordPath(to, id)}?select=${e.label}`).then((r) => r[e.label] ?? id, () => id));
  return titles.get(key);
}

function reference(to, id, all) {
  const known = all.some((x) => x.name === to && x.may.includes('read'));
  if (!known) return h('span', null, id);
  const link = h('a', { href: href({ e: to, id }), onclick: follow({ e: to, id, q: '', f: [], s: '', p: 1, c: [], v: '' }) }, id);
  titleOf(to, id, all).then((t) => { if (t !== id) link.textContent = `${t}（${id}）`; });
  return link;
}

function value(f, v, all) {
  if (format.empty(v)) return h('span', { class: 'quiet' }, '未填');
  if (format.isRef(f)) return reference(f.to, String(v), all);
  if (f.type === 'refs') return v.map((id, i) => [i ? '、' : '', reference(f.to, String(id), all)]);
  if (f.type === 'file' || f.type === 'files') return [v].flat().map((id) => h('a', { href: `/api/files/${encodeURIComponent(id)}`, download: true }, `下载 ${id} `));
  if (f.type === 'url' && /^https?:\/\//.test(v)) return h('a', { href: v, rel: 'noreferrer noopener', target: '_blank' }, v);
  if (f.type === 'datetime') return format.time(v);
  if (f.type === 'enum') return [format.codeTitle(f, v), h('span', { class: 'quiet small' }, ` ${v}`)];
  if (f.type === 'json') return h('pre', { class: 'small' }, JSON.stringify(v, null, 2));
  if (format.isGeo(f)) return [format.outline(v, f.title), f.type === 'point' ? format.text(f, v) : null];
  return format.text(f, v);
}

const LOCK = '这是敏感信息，只显示一部分。因工作需要查看完整内容时，请向安全管理员申请，查看会留下记录。';

function fields(e, record, all) {
  return h('dl', { class: 'fields' }, e.fields.map((f) => [
    h('dt', null, f.title),
    h('dd', { class: f.type === 'longtext' ? 'long' : null }, value(f, record[f.name], all),
      f.masked && !format.empty(record[f.name]) ? [' ', h('span', { class: 'tag lock', title: LOCK }, '已遮盖'), h('p', { class: 'quiet small' }, LOCK)] : null,
      f.computed ? [' ', h('span', { class: 'tag' }, '自动计算')] : null),
  ]));
}

const VERBS = { insert: '新增了这条记录', delete: '删除了这条记录', read: '查看了完整的敏感信息' };

/** 「谁 在何时 把 “字段” 由 … 改为 …」 */
export function sentences(e, entry) {
  const who = [h('b', null, entry.actor === 'system' ? '系统' : entry.actor), entry.behalf ? `（代 ${entry.behalf}）` : '', ' ', format.time(entry.at), ' '];
  if (entry.op !== 'update') return [who, VERBS[entry.op] ?? entry.op, entry.purpose ? `，事由：${entry.purpose}` : ''];
  const names = [...new Set([...Object.keys(entry.before ?? {}), ...Object.keys(entry.after ?? {})])].filter((n) => !n.startsWith('_'));
  const parts = names.map((n) => {
    const f = e.fields.find((x) => x.name === n);
    const a = format.text(f, entry.before?.[n]), b = format.text(f, entry.after?.[n]);
    return ['把「', f?.title ?? n, '」由 ', h('q', null, a), ' 改为 ', h('q', null, b)];
  });
  return parts.length === 1 ? [who, parts[0]] : [who, `修改了 ${parts.length} 项：`, h('ul', null, parts.map((p) => h('li', null, p)))];
}

async function history(e, id, slot) {
  try {
    const entries = await get(`${recordPath(e.name, id)}/history`);
    fill(slot, entries.length ? h('ol', { class: 'past' }, entries.map((x) => h('li', null, sentences(e, x))))
      : h('p', { class: 'quiet' }, '还没有变更记录。'));
  } catch (error) {
    fill(slot, h('p', { class: 'quiet' }, error.status === 404 ? '还没有变更记录。' : `历史没有读到：${error.message}`));
  }
}

export async function remove(e, id, label, etag) {
  if (!await ask(`删除“${label}”？`, `这条${e.title}将从列表中消失，变更历史仍会保留。`, '删除')) return;
  try {
    await call('DELETE', recordPath(e.name, id), { headers: etag ? { 'If-Match': etag } : {} });
    say(`已删除“${label}”`);
    go({ id: '', v: '' });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say([error.message, error.hint].filter(Boolean).join('；'));
  }
}

export const closeLink = () => h('a', { class: 'button plain', href: href({}), onclick: follow({ id: '', v: '' }) }, '关闭 ×');

/** Loads and shows a record; `quietly` leaves the focus where it is. */
export async function showRecord(side, s, all, { quietly = false } = {}) {
  const e = await entity(s.e);
  let answer;
  try {
    answer = await call('GET', recordPath(s.e, s.id));
  } catch (error) {
    if (!(error instanceof Problem) || error.status === 401) throw error;
    fill(side, h('div', { class: 'row end' }, closeLink()), h('div', { class: 'empty' },
      h('h1', null, error.status === 404 ? `没有这条${e.title}` : error.message), h('p', { class: 'quiet' }, error.hint || '它可能已被删除，或不在您可以查看的范围内。')));
    return;
  }
  const record = Array.isArray(answer.data) ? answer.data[0] : answer.data;
  const label = String(record[e.label] ?? s.id), etag = answer.headers.get('ETag');
  const past = h('div', null, h('p', { class: 'quiet' }, '正在读取……'));
  const title = h('h1', { id: 'record-title', tabindex: '-1', class: 'grow' }, label);
  fill(side,
    h('div', { class: 'row' }, h('span', { class: 'tag' }, e.title), h('span', { class: 'grow' }), closeLink()),
    h('div', { class: 'row' }, title,
      e.may.includes('update') ? h('a', { class: 'button', href: href({ ...s, v: 'edit' }), onclick: follow({ v: 'edit' }) }, '修改') : null,
      e.may.includes('delete') ? h('button', { type: 'button', class: 'danger', onclick: () => remove(e, s.id, label, etag) }, '删除') : null),
    fields(e, record, all),
    h('h2', null, '变更历史'), past);
  if (!quietly) title.focus();
  await history(e, s.id, past);
}
