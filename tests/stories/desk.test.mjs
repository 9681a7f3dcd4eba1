// SPDX-License-Identifier: MulanPSL-2.0
// What the desk's pages need from the server: declared pages, one's own settings, what a user can really see, what a record
// set off, what changed lately. Each for nobody, the wrong one, and the right one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { City } from './city.mjs';

let city, steward, leader, citizen, linwei, security, auditor, nobody;
before(async () => {
  city = await City.make();
  await city.serve();
  [steward, leader, citizen, linwei, security, auditor, nobody] = await Promise.all(['steward', 'leader', 'citizen', 'linwei', 'security', 'auditor', null].map((u) => city.as(u)));
});
after(() => city?.remove());

test('pages: each sees what it may read of them, and every chart answers', async () => {
  assert.equal((await nobody('/api/pages')).status, 401);
  assert.deepEqual((await security('/api/pages')).body, []);
  const all = (await steward('/api/pages')).body;
  const board = all.find((p) => p.page === 'enterprises');
  assert.equal(board.kind, 'board');
  assert.ok(board.charts.length >= 5);
  for (const c of all.flatMap((p) => p.charts)) {
    const r = await steward(`/api/records/${c.entity}?${c.query}`);
    assert.equal(r.status, 200, `${c.title}: ${r.text}`);
    assert.ok(r.body.length > 0, c.title);
    for (const column of [c.x, c.y, c.series]) if (column) assert.ok(column in r.body[0], `${c.title} ${column}`);
  }
  const total = board.charts.find((c) => c.kind === 'figure' && c.entity === 'legal_person');
  assert.equal((await steward(`/api/records/legal_person?${total.query}`)).body[0].n, (await steward('/api/records/legal_person?select=code')).body.length);
  const clerk = (await linwei('/api/pages')).body;
  assert.ok(!clerk.some((p) => p.page === 'plan_projects'), 'a clerk reads no projects');
  assert.ok((await citizen('/api/pages')).body.every((p) => p.page === 'regions'));
});

test('settings: kept, one\'s own, bounded', async () => {
  assert.equal((await nobody('/api/me/settings')).status, 401);
  assert.equal((await nobody('/api/me/settings/views', { method: 'PUT', json: {} })).status, 401);
  assert.deepEqual((await steward('/api/me/settings')).body, {});
  const views = { legal_person: [{ title: '“在营”的', q: '', f: ['state.eq.1'], s: '', c: [] }] };
  assert.equal((await steward('/api/me/settings/views', { method: 'PUT', json: views })).status, 204);
  assert.equal((await steward('/api/me/settings/follows', { method: 'PUT', json: [] })).status, 204);
  assert.deepEqual((await steward('/api/me/settings')).body, { follows: [], views });
  assert.deepEqual((await leader('/api/me/settings')).body, {});
  assert.equal((await steward('/api/me/settings/No-Good', { method: 'PUT', json: {} })).status, 400);
  assert.equal((await steward('/api/me/settings/views', { method: 'PUT', body: '{"a":', headers: { 'content-type': 'application/json' } })).status, 400);
  assert.equal((await steward('/api/me/settings/views', { method: 'PUT', json: 'x'.repeat(70000) })).status, 413);
  for (let i = 0; i < 30; i++) assert.equal((await steward(`/api/me/settings/s_${'abcdefghijklmnopqrstuvwxyz'[i % 26]}${i < 26 ? '' : 'z'}`, { method: 'PUT', json: i })).status, 204);
  const full = await steward('/api/me/settings/one_more', { method: 'PUT', json: 1 });
  assert.equal(full.status, 422);
  assert.match(full.body.detail, /最多保存 32 项/);
});

test('view as: rights and numbers as they are, never a record, and journalled', async () => {
  for (const who of [nobody, steward, leader, auditor]) assert.equal((await who('/api/users/linwei/view', { method: 'POST' })).status, who === nobody ? 401 : 403);
  const gone = await security('/api/users/nobody_here/view', { method: 'POST' });
  assert.equal(gone.status, 404);
  const { status, body, text } = await security('/api/users/linwei/view', { method: 'POST' });
  assert.equal(status, 200, text);
  assert.deepEqual(body.roles, ['clerk']);
  assert.deepEqual([body.role_titles, body.region_title, body.org_title.length > 2], [['窗口工作人员'], '临渭区', true]);
  for (const e of body.entities.filter((x) => 'rows' in x)) {
    const range = (await linwei(`/api/records/${e.entity}?limit=1`, { headers: { prefer: 'count=exact' } })).headers.get('content-range');
    assert.equal(e.rows, Number(range.split('/')[1]), e.entity);
  }
  const person = body.entities.find((e) => e.entity === 'person');
  assert.deepEqual(person.may, { read: 'region', unmask: 'region' });
  assert.ok(person.masked.includes('姓名'));
  assert.ok(!body.entities.some((e) => e.entity === 'project'));
  const noted = (await auditor('/api/journal?entity=user&record=linwei&order=desc&limit=5')).body.find((j) => j.op === 'view_as');
  assert.equal(noted.actor, 'security');
  assert.equal(noted.intact, true);
});

test('changes of the last day: only of what one reads as a whole', async () => {
  assert.equal((await nobody('/api/changes')).status, 401);
  assert.equal((await steward('/api/changes?hours=0')).status, 400);
  const before = (await leader('/api/changes')).body.find((c) => c.entity === 'project');
  assert.equal((await steward('/api/records/project/3', { method: 'PATCH', json: { note: '今天改的' } })).status, 200);
  const now = (await leader('/api/changes')).body.find((c) => c.entity === 'project');
  assert.equal(now.updated, (before?.updated ?? 0) + 1);
  assert.ok(!(await linwei('/api/changes')).body.some((c) => c.entity === 'legal_person'), 'a clerk sees one district only');
  assert.deepEqual((await security('/api/changes')).body, []);
});

test('what a record set off: for who may read the record', async () => {
  const path = '/api/reactions/fired?entity=project&record=3';
  assert.equal((await nobody(path)).status, 401);
  assert.equal((await linwei(path)).status, 404);
  assert.equal((await steward('/api/reactions/fired?entity=nothing&record=3')).status, 400);
  assert.equal((await steward('/api/reactions/fired?entity=project')).status, 400);
  assert.deepEqual((await steward(path)).body, []);
});

test('the accounts of a demo city are told by its sign-in page', async () => {
  const { demo } = (await nobody('/api/session/ways')).body;
  assert.ok(demo.some((x) => x.user === 'steward') && demo.length >= 11);
});
