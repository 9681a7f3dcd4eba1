// SPDX-License-Identifier: MulanPSL-2.0
// Signing in. In the demo city its accounts are offered; nowhere else is a password known to the page.
import { Problem, call, get } from './api.js';
import { fill, h } from './dom.js';

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

export async function showSignIn(main, then, message) {
  const user = h('input', { id: 'user', autocomplete: 'username', 'aria-required': 'true' });
  const password = h('input', { id: 'password', type: 'password', autocomplete: 'current-password', 'aria-required': 'true' });
  const wrong = h('div', { class: 'note bad', role: 'alert', tabindex: '-1', hidden: true });
  const button = h('button', { class: 'primary' }, '登录');
  const fail = (...parts) => { fill(wrong, parts.filter(Boolean).map((p) => h('p', null, p))); wrong.hidden = false; wrong.focus(); };
  const submit = async (event) => {
    event?.preventDefault();
    if (!user.value.trim() || !password.value) return fail('请填写用户名和密码');
    button.disabled = true;
    wrong.hidden = true;
    try {
      await call('POST', '/api/session', { body: { user: user.value.trim(), password: password.value } });
      await then();
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      fail(e.message, e.hint);
    } finally { button.disabled = false; }
    return undefined;
  };
  const use = (name) => { user.value = name; password.value = DEMO_PASSWORD; submit(); };
  const demo = h('div', { hidden: true });
  document.title = '登录 · 城枢';
  fill(main, h('div', { class: 'sign' }, h('div', { class: 'card' }, h('h1', null, '登录城枢'),
    message ? h('p', { class: 'note warn' }, message) : null, wrong,
    h('form', { class: 'form', novalidate: true, onsubmit: submit },
      h('div', { class: 'field' }, h('label', { for: 'user' }, '用户名'), user),
      h('div', { class: 'field' }, h('label', { for: 'password' }, '密码'), password), button), demo)));
  user.focus();
  try {
    if ((await get('/healthz')).demo) { demo.hidden = false; fill(demo, demoList(use)); }
  } catch { /* without it people type */ }
}
