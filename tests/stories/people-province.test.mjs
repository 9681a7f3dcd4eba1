// SPDX-License-Identifier: MulanPSL-2.0
// Signing in through the province: one demo city is the identity provider, another one its client.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { City, PASSWORD, chengshu } from './city.mjs';

const CALLBACK = 'https://city.example/api/session/province/callback'; // behind a proxy; the test goes there itself
let province, city, registered, issuerCookie, security;

const visit = (url, cookie) => fetch(url, { redirect: 'manual', headers: cookie ? { cookie } : {} });
const cookieNamed = (r, name) => r.headers.getSetCookie().find((c) => c.startsWith(`${name}=`))?.split(';')[0];

before(async () => {
  [province, city] = await Promise.all([City.make(), City.make()]);
  await province.serve();
  const there = await province.as('security');
  const r = await there('/api/oidc/clients', { method: 'POST', json: { title: '渭南市', redirects: [CALLBACK] } });
  assert.equal(r.status, 201, r.text);
  registered = r.body;
  configure({});
  await city.serve();
  security = await city.as('security');
  const s = await fetch(`${province.url}/api/session`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: 'ecology', password: PASSWORD }),
  });
  issuerCookie = s.headers.getSetCookie()[0].split(';')[0];
});
after(async () => { await city?.remove(); await province?.remove(); });

function configure(change) {
  mkdirSync(join(city.dir, 'keys'), { recursive: true, mode: 0o700 });
  const file = join(city.dir, 'keys', 'province.json');
  writeFileSync(file, JSON.stringify({
    issuer: province.url, client_id: registered.id, client_secret: registered.secret, redirect_uri: CALLBACK,
    allow: ['private:127.0.0.1'], ...change,
  }));
  chmodSync(file, 0o600);
}

// From this city to the issuer and back to the callback's address: {query, flight}.
async function away(next = '/?e=project') {
  const begin = await visit(`${city.url}/api/session/province?next=${encodeURIComponent(next)}`);
  assert.equal(begin.status, 302, await begin.text());
  const flight = begin.headers.getSetCookie()[0];
  assert.match(flight, /^chengshu_province=[0-9a-f]+; Path=\/api\/session\/province; HttpOnly; SameSite=Lax; Max-Age=600/);
  const to = new URL(begin.headers.get('location'));
  assert.equal(to.origin + to.pathname, `${province.url}/oidc/authorize`);
  assert.equal(to.searchParams.get('code_challenge_method'), 'S256');
  const back = await visit(to, issuerCookie);
  assert.equal(back.status, 302, await back.text());
  const location = back.headers.get('location');
  assert.ok(location.startsWith(`${CALLBACK}?`), location);
  return { query: location.slice(CALLBACK.length), flight: flight.split(';')[0] };
}
const land = ({ query, flight }) => visit(`${city.url}/api/session/province/callback${query}`, flight);

async function refused(answer, status, detail) {
  const body = await answer.json();
  assert.equal(answer.status, status, JSON.stringify(body));
  assert.match(answer.headers.get('content-type'), /application\/problem\+json/);
  assert.match(body.detail, detail);
  assert.ok(body.hint, 'says what to do');
  assert.equal(cookieNamed(answer, 'chengshu'), undefined, 'no session');
}

test('the page is told that the province is there', async () => {
  const ways = await (await visit(`${city.url}/api/session/ways`)).json();
  assert.deepEqual([ways.password, ways.province, ways.province_title], [true, true, '省统一身份']);
  assert.equal((await (await visit(`${province.url}/api/session/ways`)).json()).province, false);
  await refused(await visit(`${province.url}/api/session/province`), 404, /没有配置/);
});

test('a subject is registered by the security administrator, for others, never for an administrator', async () => {
  await refused(await land(await away()), 403, /没有登记/);
  const put = (user, subject) => security(`/api/users/${user}/subject`, { method: 'PUT', json: { subject } });
  const admin = await city.as('admin');
  const asked = await put('housing', 'ecology');
  assert.equal(asked.status, 202, asked.text); // housing reaches records: a second administrator must agree
  await refused(await land(await away()), 403, /没有登记/);
  const approve = (who) => who(`/api/approvals/${asked.body.approval}/approve`, { method: 'POST' });
  assert.equal((await approve(security)).status, 403, 'not who asked');
  assert.equal((await approve(admin)).status, 200);
  assert.equal((await put('linwei', 'ecology')).status, 409);
  assert.equal((await put('admin', 'x')).status, 403);
  assert.equal((await put('security', 'x')).status, 403);
  assert.equal((await put('nobody', 'x')).status, 404);
  assert.equal((await admin('/api/users/linwei/subject', { method: 'PUT', json: { subject: 'x' } })).status, 403);
  const auditor = await city.as('auditor');
  const journal = await auditor('/api/journal?entity=people_user&record=housing');
  assert.match(journal.text, /subject/, 'journalled');
});

test('a good sign-in: a session of the registered user, and on to where one wanted to go', async () => {
  const done = await land(await away('/?e=project&id=7'));
  assert.equal(done.status, 302, await done.text());
  assert.equal(done.headers.get('location'), '/?e=project&id=7');
  const set = done.headers.getSetCookie();
  assert.match(set.find((c) => c.startsWith('chengshu=')), /HttpOnly; SameSite=Strict/);
  assert.match(set.find((c) => c.startsWith('chengshu_province=')), /Max-Age=0/);
  const me = await (await visit(`${city.url}/api/me`, cookieNamed(done, 'chengshu'))).json();
  assert.equal(me.user, 'housing');
  assert.ok(me.roles.length);
});

test('what is not the answer to this sign-in is refused', async () => {
  const one = await away();
  await refused(await land({ ...one, query: one.query.replace(/state=[^&]+/, 'state=x') }), 401, /不是这次登录/);
  await refused(await land({ ...one, flight: undefined }), 401, /没有开始过/);
  await refused(await land({ ...one, flight: `${one.flight.slice(0, -2)}00` }), 401, /读不懂/);
  await refused(await land({ ...one, flight: (await away()).flight }), 401, /不是这次登录/);
  await refused(await land({ ...one, query: one.query.replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fevil.example') }), 401, /别处/);
  await refused(await land({ ...one, query: one.query.replace(/code=[^&]+/, 'code=x') }), 401, /没有认可/);
  const state = new URLSearchParams(one.query).get('state');
  await refused(await land({ ...one, query: `?error=access_denied&state=${state}` }), 401, /没有放行/);
  assert.equal((await land(one)).status, 302, 'only now is the code used');
  await refused(await land(one), 401, /没有认可/);
  for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example'])
    await refused(await visit(`${city.url}/api/session/province?next=${encodeURIComponent(next)}`), 400, /本站/);
});

test('a closed account stays closed; without the registration nobody gets in', async () => {
  const admin = await city.as('admin');
  assert.equal((await admin('/api/users/housing/disable', { method: 'POST' })).status, 204);
  await refused(await land(await away()), 401, /停用/);
  assert.equal((await admin('/api/users/housing/enable', { method: 'POST' })).status, 204);
  assert.equal((await security('/api/users/housing/subject', { method: 'DELETE' })).status, 204);
  await refused(await land(await away()), 403, /没有登记/);
});

// serve does not start, and says why.
async function refuses(why) {
  const r = await chengshu(['serve', '--data', city.dir, '--db', city.db, '--listen', '127.0.0.1:0'], { timeout: 20000 });
  assert.ok(r.code > 0, `ended with ${r.code}`);
  assert.match(r.out + r.err, why);
}

test('an inner host that is not allowed, and a wrong secret', async () => {
  await city.stop();
  configure({ client_secret: 'wrong' });
  await city.serve();
  await refused(await land(await away()), 401, /没有认可/);
  await city.stop();
  configure({ allow: [] });
  await refuses(/issuer 必须是 https/);
  configure({ issuer: 'https://127.0.0.1:1', allow: [] });
  await city.serve();
  await refused(await visit(`${city.url}/api/session/province`), 503, /连不上/);
  for (let i = 0; i < 1000 && !/内部地址/.test(city.log); i++) await sleep(20); // the log comes by another pipe
  assert.match(city.log, /内部地址/);
  await city.stop();
  configure({});
  chmodSync(join(city.dir, 'keys', 'province.json'), 0o644);
  await refuses(/别人也能读/);
});
