// SPDX-License-Identifier: MulanPSL-2.0
// Who gives rights to whom: grants over subtrees with an end, positions, acting, delegation, the three administrators,
// two-person approval, accounts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { City, PASSWORD, chengshu } from './city.mjs';

let city, admin, security, auditor;
before(async () => {
  city = await City.make();
  await city.serve();
  admin = await city.as('admin');
  security = await city.as('security');
  auditor = await city.as('auditor');
});
after(() => city?.remove());

const post = (who, path, json) => who(path, { method: 'POST', ...(json === undefined ? {} : { json }) });
const drop = (who, path) => who(path, { method: 'DELETE' });
const journal = async (entity, record) => (await auditor(`/api/journal?entity=${entity}&record=${record}&order=desc`)).body;

async function makeUser(user, title, org = '', region = '610500') {
  const made = await post(admin, '/api/users', { user, title, org, region });
  assert.equal(made.status, 201, made.text);
  return made.body.password;
}

test('a grant over another region holds from the next request on, and ends with it', async () => {
  const huayin = await city.as('huayin');
  const elsewhere = '/api/records/legal_person?region=like.610502*&select=code,region';
  assert.deepEqual((await huayin(elsewhere)).body, []);
  const given = await post(security, '/api/grants', { user: 'huayin', role: 'county_official', region: '610502' });
  assert.equal(given.status, 201, given.text);
  const seen = (await huayin(elsewhere)).body;
  assert.ok(seen.length > 0 && seen.every((r) => r.region.startsWith('610502')));
  assert.equal((await post(security, '/api/grants', { user: 'huayin', role: 'county_official', region: '610502' })).status, 409);
  const [entry] = await journal('people_grant', given.body.id);
  assert.equal(entry.actor, 'security');
  assert.equal(entry.after.role, 'county_official');
  assert.equal((await drop(security, `/api/grants/${given.body.id}`)).status, 204);
  assert.deepEqual((await huayin(elsewhere)).body, []);
  assert.equal((await journal('people_grant', given.body.id))[0].op, 'delete');
});

test('a grant with an end stops by itself', async () => {
  const huayin = await city.as('huayin');
  const expires = new Date(Date.now() + 1500).toISOString();
  const given = await post(security, '/api/grants', { user: 'huayin', role: 'county_official', region: '610502', expires });
  assert.equal(given.status, 201, given.text);
  const elsewhere = '/api/records/legal_person?region=like.610502*&limit=1';
  assert.equal((await huayin(elsewhere)).body.length, 1);
  await new Promise((r) => setTimeout(r, 1700));
  assert.equal((await huayin(elsewhere)).body.length, 0);
});

test('wrong grants say what is wrong', async () => {
  for (const [body, status, pointer] of [
    [{ user: 'huayin', role: 'stward' }, 422, '/role'],
    [{ user: 'nobody', role: 'official' }, 404, '/user'],
    [{ role: 'official' }, 422, '/user'],
    [{ user: 'huayin', role: 'official', region: '999999' }, 422, '/region'],
    [{ user: 'huayin', role: 'official', expires: '2020-01-01' }, 422, '/expires'],
    [{ user: 'huayin', role: 'official', until: 'x' }, 400, '/until'],
  ]) {
    const r = await post(security, '/api/grants', body);
    assert.equal(r.status, status, r.text);
    assert.equal(r.body.pointer, pointer);
  }
  assert.equal((await post(admin, '/api/grants', { user: 'huayin', role: 'official' })).status, 403);
  assert.equal((await security('/api/users')).status, 403);
});

test('positions: who holds one has its rights over its organisation, from and to its dates', async () => {
  const once = await makeUser('zhao', '示例赵同志');
  assert.ok(once.length >= 16);
  await city.command('password', '--user', 'zhao'); // the server holds the folder: refused
  const made = await post(security, '/api/positions', { code: 'P-STJ-1', title: '环评科科长', org: 'WN-STJ', roles: ['official'] });
  assert.equal(made.status, 201, made.text);
  assert.equal((await post(security, '/api/positions', { code: 'P-STJ-1', title: '重复', org: 'WN-STJ' })).status, 409);
  const later = new Date(Date.now() + 86400000).toISOString();
  const future = await post(security, '/api/holdings', { user: 'grid1', position: 'P-STJ-1', from: later });
  assert.equal(future.status, 201, future.text);
  const grid1 = await city.as('grid1');
  assert.equal((await grid1('/api/records/project?limit=1')).status, 403, 'not before its day');
  assert.equal((await post(security, '/api/holdings', { user: 'grid1', position: 'P-STJ-1', acting: true })).status, 422);
  const now = await post(security, '/api/holdings', { user: 'grid1', position: 'P-STJ-1', acting: true, to: later });
  assert.equal(now.status, 201, now.text);
  const rows = await grid1('/api/records/project?select=orgs');
  assert.equal(rows.status, 200, rows.text);
  assert.ok(rows.body.length > 0 && rows.body.every((r) => r.orgs.includes('WN-STJ')));
  assert.equal((await drop(security, `/api/holdings/${now.body.id}`)).status, 204);
  assert.equal((await grid1('/api/records/project?limit=1')).status, 403);
  assert.equal((await drop(security, '/api/positions/P-STJ-1')).status, 204);
  assert.equal((await security('/api/holdings?user=grid1')).body.length, 0);
});

test('delegation: the delegate acts on behalf of another, and the journal names both', async () => {
  const body = { from_user: 'huayin', to_user: 'housing', roles: ['county_official'], to: '2999-12-31', reason: '外出学习' };
  const housing = await city.as('housing');
  const behalf = { headers: { 'X-On-Behalf-Of': 'huayin' } };
  assert.equal((await housing('/api/records/legal_person', behalf)).status, 403, 'not without a delegation');
  const made = await post(security, '/api/delegations', body);
  assert.equal(made.status, 201, made.text);
  assert.equal((await housing('/api/records/legal_person?limit=1')).status, 403, 'own rights are as they were');
  const [own] = (await housing('/api/records/legal_person?limit=1', behalf)).body;
  assert.ok(own.region.startsWith('610582'), "the other's region");
  const change = await housing(`/api/records/legal_person/${own.code}`, { method: 'PATCH', json: { address: '华阴市示例路 8 号' }, ...behalf });
  assert.equal(change.status, 200, change.text);
  const [entry] = await journal('legal_person', own.code);
  assert.equal(entry.actor, 'housing');
  assert.equal(entry.behalf, 'huayin');
  assert.equal((await drop(security, `/api/delegations/${made.body.id}`)).status, 204);
  assert.equal((await housing('/api/records/legal_person', behalf)).status, 403);
  for (const wrong of [{ ...body, roles: ['steward'] }, { ...body, to_user: 'huayin' }, { ...body, to: '2020-01-01' }])
    assert.equal((await post(security, '/api/delegations', wrong)).status, 422);
});

test('the three administrators exclude each other and every role with records', async () => {
  for (const [user, role] of [['admin', 'security'], ['admin', 'auditor'], ['auditor', 'official'], ['steward', 'admin'], ['admin', 'leader']]) {
    const r = await post(security, '/api/grants', { user, role });
    assert.equal(r.status, 409, `${user} ${role}: ${r.text}`);
    assert.match(r.body.detail, /不能由同一人担任/);
  }
  assert.equal((await post(security, '/api/positions', { code: 'P-X', title: '兼任', org: 'WN-WXB', roles: ['admin', 'auditor'] })).status, 409);
  assert.equal((await post(security, '/api/positions', { code: 'P-O', title: '经办', org: 'WN-WXB', roles: ['official'] })).status, 201);
  assert.equal((await post(security, '/api/holdings', { user: 'auditor', position: 'P-O' })).status, 409);
  assert.equal((await post(security, '/api/delegations', { from_user: 'housing', to_user: 'admin', roles: ['official'], to: '2999-01-01', reason: 'x' })).status, 409);
  // a position whose holders would come to have both
  assert.equal((await post(security, '/api/positions', { code: 'P-E', title: '空岗', org: 'WN-WXB' })).status, 201);
  assert.equal((await post(security, '/api/holdings', { user: 'auditor', position: 'P-E' })).status, 201);
  assert.equal((await post(security, '/api/grants', { position: 'P-E', role: 'official' })).status, 409);
});

test('nobody changes the own rights or account', async () => {
  assert.equal((await post(security, '/api/grants', { user: 'security', role: 'official' })).status, 403);
  const [own] = (await security('/api/grants?user=security')).body;
  assert.equal((await drop(security, `/api/grants/${own.id}`)).status, 403);
  assert.equal((await post(admin, '/api/users/admin/password')).status, 403);
  assert.equal((await post(admin, '/api/users/admin/disable')).status, 403);
  for (const other of ['security', 'auditor']) {
    assert.equal((await post(admin, `/api/users/${other}/password`)).status, 403, 'nor takes over another administrator');
    assert.equal((await post(admin, `/api/users/${other}/disable`)).status, 403);
  }
});

test('a dangerous grant waits for a second person, who is neither the asker nor the one concerned', async () => {
  await makeUser('qian', '示例钱同志', 'WN-WXB');
  const asked = await post(security, '/api/grants', { user: 'qian', role: 'steward' });
  assert.equal(asked.status, 202, asked.text);
  const id = asked.body.approval;
  assert.equal((await security('/api/grants?user=qian')).body.length, 0, 'nothing yet');
  assert.equal((await post(security, `/api/approvals/${id}/approve`)).status, 403, 'not by the asker');
  assert.equal((await auditor(`/api/approvals`)).status, 403);
  const [waiting] = (await admin('/api/approvals?state=asked')).body;
  assert.equal(waiting.id, id);
  assert.deepEqual(waiting.params, { user: 'qian', role: 'steward' });
  const done = await post(admin, `/api/approvals/${id}/approve`);
  assert.equal(done.status, 200, done.text);
  assert.equal((await security('/api/grants?user=qian')).body[0].role, 'steward');
  assert.equal((await post(admin, `/api/approvals/${id}/approve`)).status, 409, 'once only');
  const entries = await journal('people_approval', id);
  assert.deepEqual(entries.map((e) => [e.op, e.actor]), [['update', 'admin'], ['insert', 'security']]);

  const refused = await post(security, '/api/grants', { user: 'grid1', role: 'steward' });
  assert.equal((await post(admin, `/api/approvals/${refused.body.approval}/refuse`, {})).status, 400, 'a reason is needed');
  assert.equal((await post(admin, `/api/approvals/${refused.body.approval}/refuse`, { reason: '岗位不需要' })).status, 200);
  assert.ok(!(await security('/api/grants?user=grid1')).body.some((g) => g.role === 'steward'));
  assert.equal((await admin('/api/approvals?state=refused')).body[0].reason, '岗位不需要');

  // what was right when asked and is not when approved does not happen
  await makeUser('sun', '示例孙同志');
  const first = await post(security, '/api/grants', { user: 'sun', role: 'auditor' });
  assert.equal(first.status, 202);
  assert.equal((await post(security, '/api/grants', { user: 'sun', role: 'official' })).status, 201);
  assert.equal((await post(admin, `/api/approvals/${first.body.approval}/approve`)).status, 409);
});

test('accounts: made with a one-time password, closed, opened, reset; each change in the journal', async () => {
  const once = await makeUser('li', '示例李同志');
  assert.equal((await post(admin, '/api/users', { user: 'li', title: '重名' })).status, 409);
  assert.equal((await post(admin, '/api/users', { user: 'Li Si', title: '不合规范' })).status, 422);
  const granted = await post(security, '/api/grants', { user: 'li', role: 'leader' });
  assert.equal(granted.status, 201);
  const token = await city.signIn('li', once);
  const asLi = (path) => fetch(city.url + path, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await asLi('/api/records/region?limit=1')).status, 403, 'first the password must be changed');
  const listed = (await admin('/api/users?q=李同志')).body;
  assert.deepEqual(listed.map((u) => [u.name, u.disabled, u.must_change, u.sessions]), [['li', false, true, 1]]);
  assert.equal((await post(admin, '/api/users/li/disable')).status, 204);
  assert.equal((await asLi('/api/me')).status, 401, 'sessions end with the account');
  await assert.rejects(city.signIn('li', once));
  assert.equal((await post(admin, '/api/users/li/enable')).status, 204);
  const again = await post(admin, '/api/users/li/password');
  assert.equal(again.status, 202, 'li reaches records: nobody alone may sign in as li');
  await assert.rejects(city.signIn('li', again.body.password), /401/);
  assert.equal((await post(admin, `/api/approvals/${again.body.approval}/approve`)).status, 403, 'not by the asker');
  assert.equal((await post(security, `/api/approvals/${again.body.approval}/approve`)).status, 200);
  await assert.rejects(city.signIn('li', once));
  await city.signIn('li', again.body.password);
  assert.equal((await post(admin, '/api/users/nobody/disable')).status, 404);
  const ops = (await journal('people_user', 'li')).map((e) => [e.op, e.actor]);
  assert.deepEqual(ops, [['update', 'admin'], ['update', 'admin'], ['update', 'admin'], ['insert', 'admin']]);
});

test('GET /api/roles tells which roles are administrators and which unmask', async () => {
  const roles = Object.fromEntries((await security('/api/roles')).body.map((r) => [r.role, r]));
  assert.ok(roles.admin.separation && roles.security.separation && roles.auditor.separation);
  assert.ok(roles.steward.unmask && !roles.leader.unmask);
});

test('a real city begins with three administrators', async () => {
  const real = await City.make({ demo: false });
  try {
    const found = [...real.initOutput.matchAll(/管理员 (\w+) 的口令（只显示这一次）：(\S+)/g)].map((m) => [m[1], m[2]]);
    assert.deepEqual(found.map((f) => f[0]), ['admin', 'security', 'auditor']);
    await real.serve();
    for (const [user, password] of found) await real.signIn(user, password);
    await real.stop();
  } finally {
    await real.remove();
  }
});
