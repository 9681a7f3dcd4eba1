// SPDX-License-Identifier: MulanPSL-2.0
// Changes reach whoever listens, at once: over SSE from the journal, and from one server to another on one PostgreSQL.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, stream, within } from './city.mjs';

let city;
before(async () => {
  city = await City.make();
  await city.serve();
});
after(() => city?.remove());

test('a change arrives on the stream; only what one may read', async () => {
  const token = await city.signIn('steward');
  const steward = await city.as('steward');
  const s = await stream(city.url, token, '?entity=project');
  await steward('/api/records/region/610502', { method: 'PATCH', json: { note: '看不到这一条' } });
  await steward('/api/records/project/1', { method: 'PATCH', json: { content: '流上能看到' } });
  const e = await within(20000, s.next());
  assert.equal(e.entity, 'project');
  assert.equal(e.record, '1');
  assert.equal(e.op, 'update');
  assert.equal(e.content, undefined, 'the stream names the record and tells nothing of it');
  s.close();
  const resumed = await stream(city.url, token, '?entity=project', { 'last-event-id': String(Number(e.id) - 1) });
  assert.equal((await within(20000, resumed.next())).id, e.id);
  resumed.close();
  // a client that knows more than the journal (the city is a restored one) is not deaf
  const ahead = await stream(city.url, token, '?entity=project', { 'last-event-id': '9223372036854775807' });
  await steward('/api/records/project/1', { method: 'PATCH', json: { content: '之后的变更' } });
  assert.equal((await within(20000, ahead.next())).record, '1');
  ahead.close();
});

test('what changed between reading and listening is told: back=', async () => {
  const token = await city.signIn('steward'), steward = await city.as('steward');
  await steward('/api/records/project/3', { method: 'PATCH', json: { content: '刚刚' } });
  const s = await stream(city.url, token, '?entity=project&back=30');
  const updated = async (x, after) => { for (;;) { const e = await x.next(); if (e.op === 'update' && e.record !== after) return e.record; } }; // the city itself is not old
  assert.equal(await within(20000, updated(s, '1')), '3');
  s.close();
  // a county's official is told of the own records only, from the past as well
  const [other] = (await steward('/api/records/legal_person?region=like.610502*&limit=1&select=code')).body;
  const [mine] = (await steward('/api/records/legal_person?region=like.610582*&limit=1&select=code')).body;
  await steward(`/api/records/legal_person/${other.code}`, { method: 'PATCH', json: { address: '临渭区示例路 1 号' } });
  await steward(`/api/records/legal_person/${mine.code}`, { method: 'PATCH', json: { address: '华阴市示例路 1 号' } });
  const h = await stream(city.url, await city.signIn('huayin'), '?entity=legal_person&back=30');
  assert.equal(await within(20000, updated(h)), mine.code);
  h.close();
  for (const bad of ['-1', '61', 'x']) assert.equal((await steward(`/api/stream?back=${bad}`)).status, 400, bad);
});

test('an official of a county hears of the own records only; nobody but the auditor hears who looked', async () => {
  const steward = await city.as('steward');
  const [mine] = (await steward('/api/records/legal_person?region=like.610582*&limit=1&select=code')).body;
  const [other] = (await steward('/api/records/legal_person?region=like.610502*&limit=1&select=code')).body;
  const s = await stream(city.url, await city.signIn('huayin'), '?entity=legal_person,person');
  const [person] = (await steward('/api/records/person?region=like.610582*&limit=1&select=id')).body;
  await steward(`/api/records/person/${person.id}`, { headers: { 'X-Purpose': encodeURIComponent('联系本人') } });
  await steward(`/api/records/legal_person/${other.code}`, { method: 'PATCH', json: { address: '临渭区示例路 9 号' } });
  await steward(`/api/records/legal_person/${mine.code}`, { method: 'PATCH', json: { address: '华阴市示例路 9 号' } });
  const e = await within(20000, s.next());
  assert.equal(e.record, mine.code);
  s.close();
});

test('two servers on one PostgreSQL see each other', { skip: (process.env.STORY_DB ?? 'sqlite') === 'sqlite' }, async () => {
  const second = new City();
  second.dir = mkdtempSync(join(tmpdir(), 'chengshu-second-'));
  second.db = city.db;
  const made = await second.command('init', '--systems', join(city.dir, 'systems'));
  assert.equal(made.code, 0, made.out + made.err);
  await second.serve();
  const token = await second.signIn('steward');
  const s = await stream(second.url, token, '?entity=project');
  const first = await city.as('steward');
  await first('/api/records/project/2', { method: 'PATCH', json: { content: '另一台看到' } });
  const e = await within(20000, s.next());
  assert.equal(e.record, '2');
  const there = await (await second.as('steward'))('/api/records/project/2');
  assert.equal(there.body.content, '另一台看到');
  s.close();
  await second.stop();
  rmSync(second.dir, { recursive: true, force: true });
});
