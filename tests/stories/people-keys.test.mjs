// SPDX-License-Identifier: MulanPSL-2.0
// Keys of applications: approved by a second person, requests signed with HMAC-SM3, replay, addresses, quota. The signing
// function is the example of docs/security.md.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT } from './city.mjs';

const text = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
const [, source] = text.match(/```js\n(\/\/ sign\.mjs\n[\s\S]*?)```/);
const { signed } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

let city, admin, security;
before(async () => {
  city = await City.make();
  await city.serve();
  admin = await city.as('admin');
  security = await city.as('security');
});
after(() => city?.remove());

const post = (who, path, json) => who(path, { method: 'POST', ...(json === undefined ? {} : { json }) });

async function makeKey(body) {
  const made = await post(security, '/api/keys', { title: '示例应用', user: 'huayin', ...body });
  assert.equal(made.status, 202, made.text);
  return made.body;
}
async function openKey(body) {
  const key = await makeKey(body);
  assert.equal((await post(admin, `/api/approvals/${key.approval}/approve`)).status, 200);
  return key;
}
const call = (key, path, options = {}) => fetch(city.url + path, signed(key, path, options));

test('a key works once a second person has approved it, with the rights of its user, and ends when revoked', async () => {
  const key = await makeKey({});
  const path = '/api/records/legal_person?select=code,region&region=like.610582*&limit=3';
  assert.equal((await call(key, path)).status, 401, 'not yet');
  assert.equal((await post(security, `/api/approvals/${key.approval}/approve`)).status, 403);
  assert.equal((await post(admin, `/api/approvals/${key.approval}/approve`)).status, 200);
  const r = await call(key, path);
  assert.equal(r.status, 200, await r.clone().text());
  const rows = await r.json();
  assert.ok(rows.length === 3 && rows.every((x) => x.region.startsWith('610582')));
  const body = JSON.stringify({ address: '华阴市示例路 6 号' });
  const change = await call(key, `/api/records/legal_person/${rows[0].code}`, { method: 'PATCH', body });
  assert.equal(change.status, 200, await change.text());
  const [listed] = (await security('/api/keys?user=huayin')).body;
  assert.equal(listed.enabled, true);
  assert.ok(!JSON.stringify(listed).includes(key.secret));
  assert.equal((await security(`/api/keys/${key.id}`, { method: 'DELETE' })).status, 204);
  assert.equal((await call(key, path)).status, 401);
});

test('what was tampered with, replayed, late or from elsewhere is refused', async () => {
  const key = await openKey({});
  const path = '/api/records/region?limit=1';
  const good = signed(key, path);
  assert.equal((await fetch(city.url + path, good)).status, 200);
  const again = await fetch(city.url + path, good);
  assert.equal(again.status, 401, 'the same request again');
  assert.match((await again.json()).detail, /Nonce/);
  assert.equal((await fetch(`${city.url}/api/records/region?limit=2`, signed(key, path))).status, 401, 'another query');
  assert.equal((await call(key, path, { ts: Math.floor(Date.now() / 1000) - 301 })).status, 401, 'too old');
  assert.equal((await call({ ...key, secret: 'x' }, path)).status, 401);
  const o = signed(key, '/api/records/legal_person', { method: 'POST', body: '{"title":"a"}' });
  assert.equal((await fetch(`${city.url}/api/records/legal_person`, { ...o, body: '{"title":"b"}' })).status, 401, 'another body');
  for (const wrong of ['CS-SM3 ', 'CS-SM3 KeyId', 'CS-SM3 KeyId=a, KeyId=b', `CS-SM3 KeyId=${key.id}, Ts=1, Nonce=x, Sig=y`])
    assert.equal((await fetch(city.url + path, { headers: { authorization: wrong } })).status, 401, wrong);
});

test('addresses and quota', async () => {
  const here = await openKey({ ips: ['127.0.0.0/8'], per_minute: 3 });
  const away = await openKey({ ips: ['192.0.2.0/24', '2001:db8::/32'] });
  const path = '/api/me';
  assert.equal((await call(away, path)).status, 401);
  // on the border of two minutes the count begins anew
  const statuses = [];
  for (let i = 0; i < 8; i++) statuses.push((await call(here, path)).status);
  assert.ok(statuses.includes(429), `${statuses}`);
  assert.deepEqual(statuses.slice(0, 3), [200, 200, 200]);
  let over = await call(here, path);
  for (let i = 0; i < 4 && over.status !== 429; i++) over = await call(here, path);
  assert.equal(over.status, 429);
  assert.equal(over.headers.get('retry-after'), '60');
  assert.equal((await post(security, '/api/keys', { title: 'x', user: 'huayin', ips: ['192.0.2'] })).status, 422);
});

test('no key for an administrator, none for oneself', async () => {
  assert.equal((await post(security, '/api/keys', { title: 'x', user: 'auditor' })).status, 409);
  assert.equal((await post(security, '/api/keys', { title: 'x', user: 'security' })).status, 403);
  assert.equal((await post(admin, '/api/keys', { title: 'x', user: 'huayin' })).status, 403);
});
