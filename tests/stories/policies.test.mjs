// SPDX-License-Identifier: MulanPSL-2.0
// A pack with policies beside the city's own: what each role sees and writes over HTTP, and what `check` says of it.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT, chengshu } from './city.mjs';

let city, packs;
before(async () => {
  packs = mkdtempSync(join(tmpdir(), 'chengshu-packs-'));
  cpSync(join(ROOT, 'systems/00-city'), join(packs, '00-city'), { recursive: true });
  cpSync(join(ROOT, 'tests/packs/policies/10-policies'), join(packs, '95-policies'), { recursive: true });
  mkdirSync(join(packs, '95-policies/demo'));
  writeFileSync(
    join(packs, '95-policies/demo/users.yaml'),
    `users:
  - {user: boss, name: 管理人, roles: [keeper]}
  - {user: li, name: 办事员李, roles: [clerk]}
  - {user: wu, name: 办事员吴, roles: [clerk]}
`,
  );
  city = await City.make({ systems: packs });
  await city.serve();
});
after(async () => {
  await city?.remove();
  rmSync(packs, { recursive: true, force: true });
});

const MATTERS = '/api/records/matter';
const write = (who, method, path, body) =>
  who(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

test('rows and fields are those of the role', async () => {
  const [boss, li, wu] = await Promise.all(['boss', 'li', 'wu'].map((name) => city.as(name)));
  const made = await write(boss, 'POST', MATTERS, [
    { code: '1', title: '甲', state: '办理', handler: 'wu', opened_on: '2024-01-01', secret: '不外传' },
    { code: '2', title: '乙', state: '保密', handler: 'li', opened_on: '2024-01-01' },
  ]);
  assert.equal(made.status, 201);
  const codes = async (who) => (await who(`${MATTERS}?select=code&order=code`)).body.map((r) => r.code);
  assert.deepEqual(await codes(boss), ['1', '2']);
  assert.deepEqual(await codes(li), ['1', '2']);
  assert.deepEqual(await codes(wu), ['1']);
  assert.equal((await wu(`${MATTERS}/2`)).status, 404);
  assert.equal((await wu(`${MATTERS}/1`)).body.secret, null);
  assert.equal((await wu(`${MATTERS}?secret=is.null`)).status, 403);
  const entity = (await wu('/api/entities/matter')).body;
  assert.ok(!entity.fields.some((f) => f.name === 'secret'));
  assert.equal(entity.fields.find((f) => f.name === 'verdict').read_only, true);
  assert.doesNotMatch(JSON.stringify((await wu(`${MATTERS}/1/history`)).body), /不外传/);
});

test('a write must stay within the policy', async () => {
  const wu = await city.as('wu');
  const refused = await write(wu, 'PATCH', `${MATTERS}/1`, { state: '保密', handler: 'li' });
  assert.equal(refused.status, 403);
  assert.equal(refused.body.detail, '保密事项只能由经办人处理');
  assert.equal((await write(wu, 'PATCH', `${MATTERS}/1`, { secret: '知' })).status, 403);
  assert.equal((await write(wu, 'PATCH', `${MATTERS}/1`, { verdict: '准' })).body.pointer, '/verdict');
  assert.equal((await write(wu, 'DELETE', `${MATTERS}/2`, {})).status, 404);
  assert.ok((await write(wu, 'PATCH', `${MATTERS}/1`, { title: '改' })).status < 300);
});

test('check says of each policy that it is portable', async () => {
  const r = await chengshu(['check', packs]);
  assert.equal(r.code, 0);
  assert.equal(r.out.match(/matter\.yaml:\d+:\d+: 策略通用/g).length, 3);
});
