// SPDX-License-Identifier: MulanPSL-2.0
// Who may what on the first day: every route for nobody, wrong department, wrong region and the right one; lock-out; masks
// and journalled unmasking.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { City, PASSWORD } from './city.mjs';

let city;
before(async () => {
  city = await City.make();
  await city.serve();
});
after(() => city?.remove());

test('nobody: every route of the description but the public ones answers 401', async () => {
  const steward = await city.as('steward');
  const nobody = await city.as(null);
  const spec = (await steward('/api/openapi.json')).body;
  const open = new Set(['/healthz', '/metrics', '/api/session', '/api/problems', '/problems/{type}', '/', '/api/session/challenge',
    '/api/session/province', '/api/session/province/callback', '/api/session/ways',
    '/.well-known/openid-configuration', '/oidc/authorize', '/oidc/jwks', '/oidc/token', '/oidc/userinfo']);
  let tried = 0;
  for (const [path, item] of Object.entries(spec.paths)) {
    if (open.has(path)) continue;
    for (const method of ['get', 'post', 'patch', 'delete'].filter((m) => item[m])) {
      const r = await nobody(path.replace(/\{[^}]+\}/g, 'x'), { method: method.toUpperCase() });
      assert.equal(r.status, 401, `${method} ${path}`);
      assert.match(r.headers.get('content-type'), /application\/problem\+json/);
      tried++;
    }
  }
  assert.ok(tried >= 12, `${tried} routes tried`);
});

test('administrators of system, security and audit read no business data', async () => {
  for (const user of ['admin', 'security', 'auditor']) {
    const who = await city.as(user);
    for (const entity of ['person', 'legal_person', 'project', 'region'])
      assert.equal((await who(`/api/records/${entity}`)).status, 403, `${user} ${entity}`);
  }
  const auditor = await city.as('auditor');
  assert.equal((await auditor('/api/journal?limit=5')).status, 200);
  assert.equal((await (await city.as('steward'))('/api/journal')).status, 403);
});

test('region rules: Huayin sees and writes its own records only', async () => {
  const huayin = await city.as('huayin');
  const seen = (await huayin('/api/records/legal_person?select=region')).body;
  assert.ok(seen.length > 0 && seen.every((r) => r.region.startsWith('610582')));
  const steward = await city.as('steward');
  const [other] = (await steward('/api/records/legal_person?region=like.610502*&limit=1')).body;
  assert.equal((await huayin(`/api/records/legal_person/${other.code}`)).status, 404);
  assert.equal((await huayin(`/api/records/legal_person/${other.code}`, { method: 'PATCH', json: { title: '改名公司' } })).status, 404);
  const own = seen.length && (await huayin('/api/records/legal_person?limit=1')).body[0];
  assert.equal((await huayin(`/api/records/legal_person/${own.code}`, { method: 'PATCH', json: { region: '610502' } })).status, 403);
  assert.equal((await huayin(`/api/records/legal_person/${own.code}`, { method: 'PATCH', json: { address: '华阴市示例路 1 号' } })).status, 200);
});

test('department rules: an official sees the records of the own department', async () => {
  const ecology = await city.as('ecology');
  const rows = (await ecology('/api/records/project?select=no,orgs')).body;
  assert.ok(rows.length > 0 && rows.length < 54);
  assert.ok(rows.every((r) => r.orgs.includes('WN-STJ')));
  assert.equal((await ecology('/api/records/person')).status, 403);
});

test('a citizen sees the own record, unmasked, and no other', async () => {
  const citizen = await city.as('citizen');
  const rows = (await citizen('/api/records/person')).body;
  assert.equal(rows.length, 1);
  assert.doesNotMatch(rows[0].name, /\*/);
});

test('sensitive fields are masked; a stated purpose unmasks and is journalled', async () => {
  const steward = await city.as('steward');
  const masked = (await steward('/api/records/person?phone=not.is.null&limit=1')).body[0];
  assert.match(masked.phone, /^199\*{4}\d{4}$/);
  assert.match(masked.id_no, /^610599\*{8}.{4}$/);
  assert.equal((await steward('/api/records/person?phone=like.199*')).status, 403);
  const clear = await steward(`/api/records/person/${masked.id}`, { headers: { 'X-Purpose': encodeURIComponent('核对登记信息') } });
  assert.match(clear.body.phone, /^199\d{8}$/);
  const auditor = await city.as('auditor');
  const [entry] = (await auditor(`/api/journal?entity=person&record=${masked.id}&order=desc&limit=1`)).body;
  assert.equal(entry.op, 'unmask');
  assert.equal(entry.actor, 'steward');
  assert.equal(entry.purpose, '核对登记信息');
  assert.ok(entry.after.fields.includes('phone'));
  const history = (await steward(`/api/records/person/${masked.id}/history`)).body;
  assert.ok(history.every((h) => !JSON.stringify(h).includes(clear.body.phone)), 'history shows a masked value');
});

test('five wrong passwords lock the account', async () => {
  const attempt = (password) =>
    fetch(`${city.url}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'leader', password }),
    });
  for (let i = 1; i < 5; i++) assert.equal((await attempt('wrong')).status, 401);
  const fifth = await attempt('wrong');
  assert.equal(fifth.status, 423);
  assert.ok(Number(fifth.headers.get('retry-after')) > 0);
  assert.equal((await attempt(PASSWORD)).status, 423);
});

test('sign out ends the session; a cookie works as the token does', async () => {
  const r = await fetch(`${city.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'housing', password: PASSWORD }),
  });
  const cookie = r.headers.get('set-cookie');
  assert.match(cookie, /HttpOnly/);
  assert.match(cookie, /SameSite=Strict/);
  const pair = cookie.split(';')[0];
  assert.equal((await fetch(`${city.url}/api/me`, { headers: { cookie: pair } })).status, 200);
  const foreign = await fetch(`${city.url}/api/session`, { method: 'DELETE', headers: { cookie: pair, origin: 'http://evil.example' } });
  assert.equal(foreign.status, 403, 'another origin may not use the cookie');
  const out = await fetch(`${city.url}/api/session`, { method: 'DELETE', headers: { cookie: pair, origin: city.url } });
  assert.equal(out.status, 204);
  assert.equal((await fetch(`${city.url}/api/me`, { headers: { cookie: pair } })).status, 401);
});

test('files: upload as a form or as it is, kept once, downloaded with its name', async () => {
  const token = await city.signIn('steward');
  const authorization = `Bearer ${token}`;
  const form = new FormData();
  form.append('note', 'a field that is no file');
  form.append('file', new Blob(['文件内容\r\n--x--\r\n'], { type: 'text/plain' }), '说明.txt');
  const a = await (await fetch(`${city.url}/api/files`, { method: 'POST', body: form, headers: { authorization } })).json();
  assert.equal(a.name, '说明.txt');
  assert.equal(a.size, 21);
  const raw = await fetch(`${city.url}/api/files?name=${encodeURIComponent('../另一个.txt')}`, {
    method: 'POST', body: '文件内容\r\n--x--\r\n', headers: { authorization, 'content-type': 'text/plain' },
  });
  const b = await raw.json();
  assert.equal(b.name, '另一个.txt');
  assert.equal(b.blob, a.blob, 'the same bytes are kept once');
  const got = await fetch(`${city.url}/api/files/${a.id}`, { headers: { authorization } });
  assert.equal(await got.text(), '文件内容\r\n--x--\r\n');
  assert.match(got.headers.get('content-disposition'), /^attachment; filename\*=UTF-8''%E8%AF%B4%E6%98%8E\.txt/);
  const huayin = await city.as('huayin');
  assert.equal((await huayin(`/api/files/${a.id}`)).status, 404, "another's file");
});

test('a wrong purpose is told with the right ones; the person sees who looked, when and why', async () => {
  const steward = await city.as('steward');
  const purpose = (text) => ({ headers: { 'X-Purpose': encodeURIComponent(text) } });
  const who = '/api/records/person?id_no=eq.610599199003102517&select=id,name,phone';
  const wrong = await steward(who, purpose('好奇'));
  assert.equal(wrong.status, 400);
  assert.match(wrong.body.hint, /核对登记信息/);
  assert.equal((await steward(who, purpose('联系本人'))).status, 200);
  const citizen = await city.as('citizen');
  const [look] = (await citizen('/api/me/looks')).body;
  assert.equal(look.by, 'steward');
  assert.equal(look.purpose, '联系本人');
  assert.deepEqual(look.fields, ['姓名', '手机']);
  assert.ok(Date.now() - Date.parse(look.at) < 60000);
  assert.deepEqual((await (await city.as('leader').catch(() => city.as('housing')))('/api/me/looks')).body, []);
});

test('figures over fewer than ten people are not given, nor what would give them back', async () => {
  const steward = await city.as('steward');
  const all = (await steward('/api/records/person?select=ethnic,n:count()')).body;
  const rows = all.filter((r) => r.suppressed);
  assert.ok(rows.length >= 2, 'small groups are withheld, never one alone');
  assert.ok(rows.every((r) => r.n === null));
  assert.ok(all.filter((r) => !r.suppressed).every((r) => r.n >= 10));
  const pages = [];
  for (let at = 0; at < all.length; at++) pages.push(...(await steward(`/api/records/person?select=ethnic,n:count()&limit=1&offset=${at}`)).body);
  assert.deepEqual(pages, all, 'one by one they tell no more');
  assert.deepEqual((await steward(`/api/records/person?select=ethnic,n:count()&limit=3&offset=${all.length - 1}`)).body, all.slice(-1));
  const [one] = (await steward('/api/records/person?id_no=eq.610599199003102517&select=n:count(),b:born_on.max()')).body;
  assert.deepEqual(one, { n: null, b: null, suppressed: true });
  const [none] = (await steward('/api/records/person?id_no=eq.none&select=n:count()')).body;
  assert.equal(none.n, 0);
  const sorted = await steward('/api/records/person?select=ethnic,n:count()&order=n');
  assert.equal(sorted.status, 400, 'their order would tell which of them is the smaller one');
  const firms = (await steward('/api/records/legal_person?select=region,n:count()&order=n.desc')).body;
  assert.ok(firms.length > 5 && firms.every((r, i) => !i || firms[i - 1].n >= r.n), JSON.stringify(firms));
});

test('a download of sensitive data is journalled and carries who took it; it imports again', async () => {
  const steward = await city.as('steward');
  const csv = (await steward('/api/records/legal_person?region=like.610582*', { headers: { accept: 'text/csv' } })).text;
  const last = csv.trimEnd().split('\r\n').at(-1);
  assert.match(last, /^#城枢导出 steward \d{4}-\d\d-\d\dT\S+ \d+条 [0-9a-f]{32}$/);
  const plain = (await steward('/api/records/project', { headers: { accept: 'text/csv' } })).text;
  assert.equal(plain.trimEnd().split('\r\n').length, 55, 'nothing sensitive, no watermark');
  const auditor = await city.as('auditor');
  const entries = (await auditor('/api/journal?entity=legal_person&order=desc&limit=5')).body.filter((e) => e.op === 'export');
  assert.equal(entries.length, 1);
  assert.equal(entries[0].actor, 'steward');
  assert.match(entries[0].after.query, /610582/);
  assert.equal(entries[0].trace, last.split(' ').at(-1));
});
