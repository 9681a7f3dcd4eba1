// SPDX-License-Identifier: MulanPSL-2.0
// The form of one record, made from the fields. What was typed is kept in this tab until it is saved or thrown away.
import { Problem, call, entity, get, quoted, recordPath } from './api.js';
import { ask, fill, h, say } from './dom.js';
import * as format from './format.js';
import { go } from './state.js';

const draftKey = (s) => `draft:${s.e}:${s.v === 'new' ? '' : s.id}`;
function drafted(s) { try { return JSON.parse(sessionStorage.getItem(draftKey(s)) ?? 'null'); } catch { return null; } }

/** Text of a value for its input, and back. Throws a message when the text cannot be meant. */
function toText(f, v) {
  if (format.empty(v)) return '';
  if (f.type === 'point') return v.coordinates?.join(', ') ?? '';
  if (format.isGeo(f) || f.type === 'json') return JSON.stringify(v);
  if (f.type === 'datetime') return String(v).slice(0, 16);
  if (format.isList(f)) return v.join('\n');
  return String(v);
}

function toValue(f, text) {
  const t = f.type === 'longtext' ? text : text.trim();
  if (t === '') return format.isList(f) ? [] : null;
  if (f.type === 'bool') return t === 'true';
  if (f.type === 'int' || f.type === 'decimal') {
    if (!/^-?\d+(\.\d+)?$/.test(t) || (f.type === 'int' && t.includes('.'))) throw new Error(`应填${f.type === 'int' ? '整数' : '数字'}，例如 ${f.type === 'int' ? '12' : '12.5'}`);
    return Number(t);
  }
  if (f.type === 'money') {
    const plain = t.replace(/[,，\s]/g, '');
    if (!/^-?\d+(\.\d{1,2})?$/.test(plain)) throw new Error('应填金额，例如 380000.00');
    return plain;
  }
  if (f.type === 'datetime') return `${t.length === 16 ? `${t}:00` : t}+08:00`;
  if (f.type === 'point') {
    const xy = t.split(/[,，\s]+/).map(Number);
    if (xy.length !== 2 || xy.some(Number.isNaN)) throw new Error('应填“经度, 纬度”，例如 109.50, 34.50');
    return { type: 'Point', coordinates: xy };
  }
  if (format.isGeo(f) || f.type === 'json') {
    try { return JSON.parse(t); } catch { throw new Error(f.type === 'json' ? '不是有效的 JSON' : '不是有效的 GeoJSON'); }
  }
  if (format.isList(f)) return t.split(/[\n,，;；]+/).map((x) => x.trim()).filter(Boolean);
  return t;
}

const TYPES = { date: 'date', time: 'time', datetime: 'datetime-local', email: 'email', phone: 'tel', url: 'url' };
const HINTS = { point: '经度, 纬度，例如 109.50, 34.50', line: 'GeoJSON', polygon: 'GeoJSON', refs: '每行一个编号', files: '每行一个文件编号', datetime: '北京时间' };

function options(list, value, required) {
  const known = list.some(([v]) => v === value);
  return [h('option', { value: '' }, required ? '请选择' : '（不填）'), list.map(([v, t]) => h('option', { value: v }, t)),
    value && !known ? h('option', { value }, value) : null];
}

/** A reference: type a name or a key, choose from what matches. */
function lookup(f, input, all) {
  const to = all.find((x) => x.name === f.to);
  if (!to?.may.includes('read')) return null;
  const list = h('datalist', { id: `list-${f.name}` });
  const label = to.label ?? to.id;
  let timer;
  input.setAttribute('list', list.id);
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const q = input.value.trim();
      if (!q) return;
      const like = quoted(`*${q}*`);
      const u = new URLSearchParams({ select: [...new Set([to.id, label])].join(','), or: `(${[...new Set([to.id, label])].map((n) => `${n}.ilike.${like}`).join(',')})`, limit: '20' });
      try {
        const rows = await get(`/api/records/${f.to}?${u}`);
        fill(list, rows.map((r) => h('option', { value: String(r[to.id]) }, String(r[label] ?? ''))));
      } catch { /* suggestions are a help, not a need */ }
    }, 200);
  });
  return list;
}

function upload(f, input) {
  const pick = h('input', { type: 'file', 'aria-label': `选择文件：${f.title}`, multiple: f.type === 'files', onchange: async () => {
    for (const file of pick.files) {
      try {
        const { data } = await call('POST', `/api/files?name=${encodeURIComponent(file.name)}`, { body: file, headers: { 'Content-Type': file.type || 'application/octet-stream' } });
        input.value = f.type === 'files' ? [input.value, data.id].filter(Boolean).join('\n') : data.id;
        input.dispatchEvent(new Event('input', { bubbles: true }));
        say(`已上传 ${file.name}`);
      } catch (error) { say(`${file.name} 没有传上去：${error.message}`); }
    }
  } });
  return pick;
}

function inputFor(f, value, all) {
  const base = { id: `f-${f.name}`, name: f.name, 'aria-required': f.required ? 'true' : null };
  if (f.type === 'enum') return h('select', { ...base, value: null }, options((f.codes ?? []).map((c) => [c.code, c.title]), value, f.required));
  if (f.type === 'bool') return h('select', base, options([['true', '是'], ['false', '否']], value, f.required));
  if (['longtext', 'json', 'line', 'polygon'].includes(f.type) || format.isList(f)) return h('textarea', { ...base, rows: '4' });
  return h('input', { ...base, type: TYPES[f.type] ?? 'text', inputmode: format.isNumber(f) ? 'decimal' : null, autocomplete: 'off', step: f.type === 'time' ? '1' : null });
}

function fieldBox(f, value, all) {
  const input = inputFor(f, value, all);
  input.value = value;
  const notes = [f.help, HINTS[f.type], format.isRef(f) && '输入名称或编号，从提示中选择', f.unit && `单位：${f.unit}`, f.masked && '敏感信息；不改就留空，原值不变'].filter(Boolean);
  const wrong = h('p', { class: 'wrong', id: `wrong-${f.name}`, hidden: true });
  const help = notes.length ? h('p', { class: 'help', id: `help-${f.name}` }, notes.join('。')) : null;
  input.setAttribute('aria-describedby', [`wrong-${f.name}`, help && `help-${f.name}`].filter(Boolean).join(' '));
  return { f, input, wrong, el: h('div', { class: 'field' }, h('label', { for: input.id }, f.title, f.required ? null : h('span', { class: 'need' }, '（选填）')),
    wrong, input, format.isRef(f) ? lookup(f, input, all) : null, ['file', 'files'].includes(f.type) ? upload(f, input) : null, help) };
}

function clearErrors(boxes, summary) {
  fill(summary);
  summary.hidden = true;
  for (const b of boxes) {
    b.wrong.hidden = true;
    b.input.removeAttribute('aria-invalid');
  }
}

/** errors: [{name, text}]; name may be unknown. Shown beside the field and on top, where the focus goes. */
function showErrors(boxes, summary, errors, hint) {
  const items = errors.map(({ name, text }) => {
    const b = boxes.find((x) => x.f.name === name);
    if (!b) return h('li', null, text);
    b.wrong.textContent = text;
    b.wrong.hidden = false;
    b.input.setAttribute('aria-invalid', 'true');
    return h('li', null, h('a', { href: `#${b.input.id}`, onclick: (event) => { event.preventDefault(); b.input.focus(); } }, `${b.f.title}：${text}`));
  });
  summary.className = 'note bad';
  fill(summary, h('h2', null, '还没有保存，请改正'), h('ul', null, items), hint ? h('p', { class: 'small' }, hint) : null);
  summary.hidden = false;
  summary.focus();
}

const nameOf = (pointer) => (pointer ?? '').split('/').filter((p) => p && !/^\d+$/.test(p))[0] ?? '';

function showProblem(boxes, summary, problem, reload) {
  if (problem.status === 412) {
    summary.className = 'note warn';
    fill(summary, h('h2', null, '别人刚刚改过这条记录'), h('p', null, '您的修改没有保存。可以看最新内容再决定；您填写的内容会保留在表单里。'),
      h('div', { class: 'row' }, h('button', { type: 'button', onclick: reload }, '取最新内容，保留我填的')));
    summary.hidden = false;
    summary.focus();
    return;
  }
  const errors = problem.errors.length ? problem.errors.map((x) => ({ name: nameOf(x.pointer), text: x.detail })) : [{ name: nameOf(problem.pointer), text: problem.message }];
  showErrors(boxes, summary, errors, problem.hint);
}

function collect(boxes, before, isNew) {
  const body = {}, errors = [];
  for (const { f, input } of boxes) {
    try {
      const v = toValue(f, input.value);
      const same = input.value === toText(f, before[f.name]) || (f.masked && input.value === '');
      if (isNew ? !format.empty(v) : !same) body[f.name] = v;
      if (f.required && format.empty(v) && !(f.masked && !isNew)) errors.push({ name: f.name, text: '必须填写' });
    } catch (e) { errors.push({ name: f.name, text: e.message }); }
  }
  return { body, errors };
}

async function send(e, s, body, etag) {
  if (s.v !== 'new') {
    await call('PATCH', recordPath(e.name, s.id), { body, headers: etag ? { 'If-Match': etag } : {} });
    return s.id;
  }
  const { data } = await call('POST', `/api/records/${e.name}`, { body, headers: { Prefer: 'return=representation' } });
  const made = Array.isArray(data) ? data[0] : data;
  return String(made?.[e.id] ?? body[e.id] ?? '');
}

/** The values before, and their version. */
async function start(e, s) {
  if (s.v === 'new') return { before: {}, etag: null };
  const { data, headers } = await call('GET', recordPath(e.name, s.id));
  return { before: Array.isArray(data) ? data[0] : data, etag: headers.get('ETag') };
}

export async function showForm(side, s, all) {
  const e = await entity(s.e), isNew = s.v === 'new';
  let { before, etag } = await start(e, s);
  const kept = drafted(s);
  const first = (f) => kept?.[f.name] ?? (isNew ? f.default ?? '' : f.masked ? '' : toText(f, before[f.name]));
  const boxes = e.fields.filter((f) => !f.computed && f.type !== 'computed').map((f) => fieldBox(f, first(f), all));
  const summary = h('div', { class: 'note bad', tabindex: '-1', role: 'alert', hidden: true });
  const save = h('button', { class: 'primary' }, '保存');
  const keep = () => sessionStorage.setItem(draftKey(s), JSON.stringify(Object.fromEntries(boxes.map((b) => [b.f.name, b.input.value]))));
  const done = (changes) => { sessionStorage.removeItem(draftKey(s)); go(changes); };
  const reload = async () => { ({ before, etag } = await start(e, s)); clearErrors(boxes, summary); say('已取得最新内容，请核对后再保存'); };
  const submit = async (event) => {
    event.preventDefault();
    clearErrors(boxes, summary);
    const { body, errors } = collect(boxes, before, isNew);
    if (errors.length) return showErrors(boxes, summary, errors);
    if (!isNew && !Object.keys(body).length) return done({ v: '' });
    save.disabled = true;
    try {
      const id = await send(e, s, body, etag);
      say('已保存');
      done({ id, v: '' });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      keep();
      showProblem(boxes, summary, error, reload);
    } finally { save.disabled = false; }
    return undefined;
  };
  const cancel = async () => {
    const typed = sessionStorage.getItem(draftKey(s));
    if (typed && !await ask('放弃填写的内容？', '填写的内容还没有保存。', '放弃')) return;
    done({ v: '' });
  };
  const title = h('h1', { tabindex: '-1', class: 'grow' }, isNew ? `新增${e.title}` : `修改 ${before[e.label] ?? s.id}`);
  fill(side, h('div', { class: 'row' }, title), kept ? h('p', { class: 'note warn' }, '已恢复您上次没有保存的内容。') : null, summary,
    h('form', { class: 'form', novalidate: true, onsubmit: submit, oninput: keep }, boxes.map((b) => b.el),
      h('div', { class: 'row' }, save, h('button', { type: 'button', onclick: cancel }, '取消'))));
  title.focus();
}
