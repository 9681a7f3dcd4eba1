// SPDX-License-Identifier: MulanPSL-2.0
// What only somebody on the city's own machine may do: a new password, a role taken away, new data keys, files that nobody needs.
import assert from 'node:assert/strict';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chengshu, City, ROOT } from './city.mjs';

let city;
before(async () => {
  city = await City.make({ systems: join(ROOT, 'tests/packs/small') }); // it has a field of sensitivity 4
});
after(() => city?.remove());

const password = (user, input) => chengshu(['password', '--data', city.dir, '--db', city.db, ...(user ? ['--user', user] : [])], { input });

async function running(work) {
  await city.serve();
  try {
    return await work();
  } finally {
    await city.stop();
  }
}

test('a new password ends all sessions; the old one is wrong', async () => {
  const token = await running(() => city.signIn('keeper'));
  for (const [user, input, code, words] of [
    [null, 'Fresh@2026-city\n', 2, /--user/],
    ['keeper', '', 2, /标准输入/],
    ['keeper', 'short\n', 1, /太短/],
    ['keeper', `${'长'.repeat(900)}\n`, 1, /太长/],
    ['nobody', 'Fresh@2026-city\n', 1, /没有用户 “nobody”/],
  ]) {
    const refused = await password(user, input);
    assert.equal(refused.code, code, refused.err);
    assert.match(refused.err, words);
  }
  const set = await password('keeper', 'Fresh@2026-city\n');
  assert.equal(set.code, 0, set.err);
  assert.match(set.out, /keeper 的口令已重设/);
  await running(async () => {
    await assert.rejects(city.signIn('keeper'), /401/);
    await city.signIn('keeper', 'Fresh@2026-city');
    const old = await fetch(`${city.url}/api/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(old.status, 401);
    const busy = await password('keeper', 'Other@2026-city\n'); // a running server holds the city
    assert.equal(busy.code, 1);
    assert.match(busy.err, /正在/);
  });
});

test('a role that was given directly is taken away', async () => {
  const none = await city.command('revoke', '--user', 'self', 'keeper');
  assert.equal(none.code, 1);
  assert.match(none.err, /没有直接授予的角色 “keeper”/);
  assert.equal((await city.command('revoke', '--user', 'self')).code, 2);
  const taken = await city.command('revoke', '--user', 'self', 'reader');
  assert.equal(taken.code, 0, taken.err);
  await running(async () => assert.deepEqual((await (await city.as('self'))('/api/me')).body.roles, ['self']));
});

test('new data keys: everything is sealed anew and reads as before', async () => {
  const ask = (path) => running(async () => {
    const token = await city.signIn('keeper', 'Fresh@2026-city');
    return (await fetch(city.url + path, { headers: { authorization: `Bearer ${token}`, 'X-Purpose': 'x' } })).json();
  });
  const path = '/api/records/all_types?select=code,a_secret&order=code', before = await ask(path);
  assert.ok(before.some((r) => r.a_secret));
  for (let key = 2; key < 4; key++) {
    const rotated = await city.command('rotate-keys');
    assert.equal(rotated.code, 0, rotated.err);
    assert.match(rotated.out, new RegExp(`数据密钥 ${key} 已启用，1 个字段已重新加密`));
  }
  assert.deepEqual(await ask(path), before);
  assert.deepEqual((await ask(`${path}&a_secret=eq.${encodeURIComponent('密')}`)).map((r) => r.code), ['AA001'], 'found under the new key');
  const verified = await city.command('verify');
  assert.equal(verified.code, 0, verified.err);
});

test('files that no record names are removed when they are a day old', async () => {
  const files = () => readdirSync(join(city.dir, 'blobs'), { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => join(f.path ?? f.parentPath, f.name));
  await running(async () => {
    const token = await city.signIn('keeper', 'Fresh@2026-city'), ask = (path, o) => fetch(city.url + path, { ...o, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...o.headers } });
    const upload = async (name, body) => (await (await ask(`/api/files?name=${name}`, { method: 'POST', body, headers: { 'content-type': 'text/plain' } })).json()).id;
    const kept = await upload('kept.txt', '留下的'), left = await upload('left.txt', '没人要的');
    assert.ok((await ask('/api/records/all_types/AA001', { method: 'PATCH', body: JSON.stringify({ a_file: kept }) })).ok);
    assert.ok((await ask(`/api/records/file/${left}`, { method: 'DELETE' })).ok);
  });
  const young = await city.command('collect');
  assert.match(young.out, /不再引用的文件 0 个/);
  assert.equal(files().length, 2);
  for (const f of files()) utimesSync(f, new Date(Date.now() - 2 * 86400e3), new Date(Date.now() - 2 * 86400e3));
  const told = await city.command('collect', '--dry-run');
  assert.match(told.out, /可以清除：不再引用的文件 1 个，12 字节/);
  assert.equal(files().length, 2, 'only told');
  const done = await city.command('collect');
  assert.match(done.out, /已清除：不再引用的文件 1 个，12 字节/);
  assert.equal(files().length, 1);
  assert.equal((await city.command('verify')).code, 0);
});
