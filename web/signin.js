// SPDX-License-Identifier: MulanPSL-2.0
// Signing in: password, the second factor when the server asks for it, the province's identity when the city has it, a
// new password when the old one was for one use. In the demo city its accounts are offered; nowhere else is a password
// known to the page. ?next= names a path of this site to go on to.
import { Problem, call, get } from './api.js';
import { fill, h, say } from './dom.js';

const DEMO_PASSWORD = 'Demo@2025';
const DEMO = [
  ['steward', '数据管理员', '基础库、项目、指标'], ['leader', '市领导', '指标与总览'], ['ecology', '生态环境局', '本部门记录'],
  ['housing', '住房城乡建设局', '本部门记录'], ['linwei', '临渭区窗口', '本区办件'], ['grid1', '网格员', '本网格事件'],
  ['huayin', '华阴市', '本市记录'], ['citizen', '市民', '自己的数据'], ['auditor', '审计管理员', '变更日志'],
  ['security', '安全管理员', '角色与权限'], ['admin', '系统管理员', '系统设置'],
];

function demoList(use) {
  return h('div', { class: 'demo' }, h('h2', null, '演示账号'), h('p', { class: 'quiet small' }, '这是演示城市，数据都是虚构的。点一个账号直接进入。'),
    h('ul', null, DEMO.map(([user, name, what]) => h('li', null, h('button', { type: 'button', 'data-user': user, onclick: () => use(user) }, h('b', null, name), what)))));
}

/** A path of this site, or '': never another site's address, however it is written. */
export function localPath(text) {
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text ?? '') && text.length <= 1000 ? text : '';
}
const nextPath = () => localPath(new URLSearchParams(location.search).get('next'));

function goOn(then) {
  const next = nextPath();
  if (!next) return then();
  location.assign(next);
  return undefined;
}

const wrongNote = () => h('div', { class: 'note bad', role: 'alert', tabindex: '-1', hidden: true });
function tell(note, ...parts) {
  fill(note, parts.filter(Boolean).map((p) => h('p', null, p)));
  note.hidden = false;
  note.focus();
}

const field = (id, label, input, help) => h('div', { class: 'field' }, h('label', { for: id }, label), input,
  help ? h('p', { class: 'help', id: `${id}-help` }, help) : null);

/** A new password instead of one for one use. `old` is known right after signing in, else it is asked for. */
export async function showChange(main, then, old = '') {
  const secret = (id, kind) => h('input', { id, type: 'password', autocomplete: kind, 'aria-required': 'true' });
  const present = secret('old', 'current-password'), fresh = secret('fresh', 'new-password'), again = secret('again', 'new-password');
  const wrong = wrongNote(), button = h('button', { class: 'primary' }, '保存新口令');
  const bad = (input, ...parts) => {
    for (const one of [present, fresh, again]) one.removeAttribute('aria-invalid');
    input?.setAttribute('aria-invalid', 'true');
    tell(wrong, ...parts);
  };
  const submit = async (event) => {
    event.preventDefault();
    if (!old && !present.value) return bad(present, '请填写现在的口令');
    if (!fresh.value) return bad(fresh, '请填写新口令');
    if (fresh.value !== again.value) return bad(again, '两次填写的新口令不一样', '请再填一遍');
    button.disabled = true;
    try {
      await call('POST', '/api/me/password', { body: { old: old || present.value, password: fresh.value } });
      say('口令已经修改');
      await goOn(then);
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      bad(e.pointer === '/old' ? present : fresh, e.message, e.hint);
    } finally { button.disabled = false; }
    return undefined;
  };
  const rule = h('p', { class: 'help', id: 'fresh-help' }, '最近用过的口令不能再用');
  fresh.setAttribute('aria-describedby', 'fresh-help');
  document.title = '修改口令 · 城枢';
  fill(main, h('div', { class: 'sign' }, h('div', { class: 'card' }, h('h1', null, '请先修改口令'),
    h('p', { class: 'quiet' }, '现在的口令只供首次登录，或已经过期。改好后就可以继续。'), wrong,
    h('form', { class: 'form', novalidate: true, onsubmit: submit },
      old ? null : field('old', '现在的口令', present),
      h('div', { class: 'field' }, h('label', { for: 'fresh' }, '新口令'), fresh, rule),
      field('again', '再填一遍新口令', again), button))));
  (old ? fresh : present).focus();
  try { rule.textContent = `${(await get('/api/session/ways')).password_rule}；最近用过的不能再用`; } catch { /* the server says it on refusal */ }
}

export async function showSignIn(main, then, message) {
  const user = h('input', { id: 'user', autocomplete: 'username', 'aria-required': 'true' });
  const password = h('input', { id: 'password', type: 'password', autocomplete: 'current-password', 'aria-required': 'true' });
  const code = h('input', { id: 'code', autocomplete: 'one-time-code', inputmode: 'numeric', maxlength: '40', 'aria-describedby': 'code-help' });
  const codeField = field('code', '验证码', code, '验证器上的六位数字，或一个恢复码');
  const wrong = wrongNote(), button = h('button', { class: 'primary' }, '登录');
  codeField.hidden = true;
  const fail = (...parts) => tell(wrong, ...parts);
  const refused = (e) => {
    if (e.pointer !== '/code' || !codeField.hidden) { fail(e.message, e.hint); return; }
    codeField.hidden = false;
    code.focus();
    say('请填写第二因素的验证码');
  };
  const submit = async (event) => {
    event?.preventDefault();
    if (!user.value.trim() || !password.value) return fail('请填写用户名和密码');
    if (!codeField.hidden && !code.value.trim()) return fail('请填写验证码', '验证器上的六位数字，或一个恢复码');
    button.disabled = true;
    wrong.hidden = true;
    try {
      const body = { user: user.value.trim(), password: password.value };
      if (!codeField.hidden) body.code = code.value.replace(/\s/g, '');
      const { data } = await call('POST', '/api/session', { body });
      if (data.must_change) await showChange(main, then, password.value);
      else await goOn(then);
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      refused(e);
    } finally { button.disabled = false; }
    return undefined;
  };
  const forgetCode = () => { codeField.hidden = true; code.value = ''; };
  user.addEventListener('input', forgetCode);
  const use = (name) => { forgetCode(); user.value = name; password.value = DEMO_PASSWORD; submit(); };
  const demo = h('div', { hidden: true }), province = h('a', { class: 'button wide', id: 'province', hidden: true });
  document.title = '登录 · 城枢';
  fill(main, h('div', { class: 'sign' }, h('div', { class: 'card' }, h('h1', null, '登录城枢'),
    message ? h('p', { class: 'note warn' }, message) : null, wrong,
    h('form', { class: 'form', novalidate: true, onsubmit: submit },
      field('user', '用户名', user), field('password', '密码', password), codeField, button), province, demo)));
  user.focus();
  const [health, ways] = await Promise.all([get('/healthz').catch(() => ({})), get('/api/session/ways').catch(() => ({}))]);
  if (health.demo) { demo.hidden = false; fill(demo, demoList(use)); } // without it people type
  if (ways.province) {
    const here = nextPath() || localPath(location.pathname + location.search) || '/';
    fill(province, `用${ways.province_title}登录`);
    province.setAttribute('href', `/api/session/province?next=${encodeURIComponent(here)}`);
    province.hidden = false;
  }
}
