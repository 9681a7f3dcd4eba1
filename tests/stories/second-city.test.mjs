// SPDX-License-Identifier: MulanPSL-2.0
// Another city, with other regions, organisations, users and a pack of its own: nothing in the program knows the first.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT } from './city.mjs';

const FIRST = /渭南|Weinan|6105\d\d|WN-[A-Z]|109\.50?, ?34\.5/;
let city;
before(async () => {
  city = await City.make({ systems: join(ROOT, 'examples/binhai') });
  await city.serve();
});
after(() => city?.remove());

test('no answer knows the first city', async () => {
  const [admin, steward, leader] = await Promise.all(['admin', 'steward', 'leader'].map((u) => city.as(u)));
  for (const path of ['/', '/api/openapi.json', '/api/systems', '/api/entities', '/api/entities/region', '/api/entities/org',
    '/api/records/region?limit=1000', '/api/records/org', '/api/records/berth', '/api/indicators', '/api/records/region?nonsense=x'])
    assert.doesNotMatch((await steward(path)).text, FIRST, path);
  assert.equal((await steward('/api/records/region?select=n:count()')).body[0].n, 38);
  assert.equal((await admin('/api/records/berth')).status, 403);
  assert.equal((await leader('/api/records/berth?select=n:count()')).body[0].n, 24);
  const island = await city.as('island');
  const firms = (await island('/api/records/legal_person?select=region&limit=1000')).body;
  assert.ok(firms.length > 0 && firms.every((f) => f.region.startsWith('399902')), 'a county sees its own');
});

test('its own indicators are computed, by its own counties', async () => {
  const leader = await city.as('leader');
  for (let i = 0; i < 1200; i++) {
    if ((await leader('/api/indicators/berth_busy_share')).body.value !== null) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  const x = (await leader('/api/indicators/berth_busy_share?by=region')).body;
  const rows = (await leader('/api/records/berth?select=state')).body;
  const busy = rows.filter((r) => r.state === 'busy').length, usable = rows.filter((r) => r.state !== 'repair').length;
  assert.equal(x.value, Math.round((10000 * busy) / usable) / 100);
  assert.ok(x.series.at(-1).regions.every((r) => r.region.startsWith('3999')));
});

test('its own reaction: a ship that moors takes its berth, one that leaves frees it', async () => {
  const steward = await city.as('steward');
  const state = async () => (await steward('/api/records/berth/BW-03')).body.state;
  const becomes = async (want) => {
    for (let i = 0; i < 100 && (await state()) !== want; i++) await new Promise((done) => setTimeout(done, 50));
    assert.equal(await state(), want);
  };
  assert.equal(await state(), 'free');
  const made = await steward('/api/records/ship_call', { method: 'POST', json: { no: 'KB-9001', berth: 'BW-03', ship: '样例轮', arrived_on: '2025-07-01' } });
  assert.equal(made.status, 201);
  await becomes('busy');
  const etag = (await steward('/api/records/ship_call/KB-9001')).headers.get('etag');
  const left = await steward('/api/records/ship_call/KB-9001', { method: 'PATCH', headers: { 'If-Match': etag }, json: { left_on: '2025-07-02' } });
  assert.ok(left.status < 300, left.text);
  await becomes('free');
});

test('no page and no C file knows the first city', () => {
  const known = [];
  const walk = (dir) => {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (/\.(c|h|def|js|mjs|ts|vue|html|css|sql)$/.test(name) && FIRST.test(readFileSync(path, 'utf8'))) known.push(path);
    }
  };
  for (const dir of ['src', 'web/src']) walk(join(ROOT, dir));
  assert.deepEqual(known, []);
});
