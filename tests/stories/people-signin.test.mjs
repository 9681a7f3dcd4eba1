// SPDX-License-Identifier: MulanPSL-2.0
// Sign-in: lock by account and source, known browsers, password policy and change, second factor, sessions that grow old.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, PASSWORD } from './city.mjs';

let city;
before(async () => {
  city = await City.make();
  await city.serve();
});
after(() => city?.remove());

const signIn = (user, password, { from, cookie, code, browser } = {}) =>
  fetch(`${city.url}/api/session`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(from ? { 'x-forwarded-for': from } : {}),
      ...(cookie ? { cookie } : {}),
      ...(browser ? { origin: city.url } : {}),
    },
    body: JSON.stringify({ user, password, ...(code ? { code } : {}) }),
  });
const post = (who, path, json) => who(path, { method: 'POST', ...(json === undefined ? {} : { json }) });
const withToken = (token) => async (path, { method = 'GET', json } = {}) => {
  const r = await fetch(city.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(json ? { 'content-type': 'application/json' } : {}) },
    body: json && JSON.stringify(json),
  });
  const text = await r.text();
  return { status: r.status, text, body: text && text.startsWith('{') | text.startsWith('[') ? JSON.parse(text) : text };
};
const cookies = (r) => r.headers.getSetCookie();

test('five wrong passwords close the account for that address only; a known browser still gets in from there', async () => {
  const known = await signIn('ecology', PASSWORD, { from: '198.51.100.7', browser: true });
  const device = cookies(known).find((c) => c.startsWith('chengshu_device=')).split(';')[0];
  const statuses = [];
  for (let i = 0; i < 5; i++) statuses.push((await signIn('ecology', 'wrong', { from: '198.51.100.7' })).status);
  assert.deepEqual(statuses, [401, 401, 401, 401, 423]);
  assert.equal((await signIn('ecology', PASSWORD, { from: '198.51.100.7' })).status, 423);
  const began = Date.now();
  assert.equal((await signIn('ecology', PASSWORD, { from: '203.0.113.9' })).status, 200, 'from elsewhere');
  assert.ok(Date.now() - began >= 1000, 'but slowly');
  assert.equal((await signIn('ecology', PASSWORD, { from: '198.51.100.7', cookie: device })).status, 200, 'the known browser');
  assert.equal((await signIn('housing', PASSWORD, { from: '198.51.100.7', cookie: device })).status, 200, 'others are not touched');
  const auditor = await city.as('auditor');
  const [entry] = (await auditor('/api/journal?entity=people_user&record=ecology&order=desc')).body;
  assert.equal(entry.op, 'lock');
  assert.equal(entry.after.source, '198.51.100.7');
});

test('a one-time password must be changed; the policy says why a password is refused', async () => {
  const admin = await city.as('admin');
  const security = await city.as('security');
  const once = (await post(admin, '/api/users', { user: 'newcomer', title: '新同志' })).body.password;
  assert.equal((await post(security, '/api/grants', { user: 'newcomer', role: 'leader' })).status, 201);
  const first = await (await signIn('newcomer', once)).json();
  assert.equal(first.must_change, true);
  const me = withToken(first.token);
  assert.equal((await me('/api/records/region?limit=1')).status, 403);
  for (const [password, why] of [['short', /太短/], ['newcomer-2031', /登录名/], ['123456789012', /重复或连续/], ['P@ssw0rd2024', /常见/], [once, /用过/]]) {
    const r = await post(me, '/api/me/password', { old: once, password });
    assert.equal(r.status, 422, r.text);
    assert.match(r.body.detail, why);
    assert.equal(r.body.pointer, '/password');
  }
  assert.equal((await post(me, '/api/me/password', { old: 'x', password: 'a quiet river 7' })).status, 422);
  const changed = await post(me, '/api/me/password', { old: once, password: 'a quiet river 7' });
  assert.equal(changed.status, 200, changed.text);
  assert.equal((await me('/api/me')).status, 401, 'the old session ended');
  const fresh = withToken(changed.body.token);
  assert.equal((await fresh('/api/records/region?limit=1')).status, 200);
  const back = await post(fresh, '/api/me/password', { old: 'a quiet river 7', password: once });
  assert.equal(back.status, 422, 'one of the last five');
  assert.equal((await signIn('newcomer', once)).status, 401);
  assert.equal((await signIn('newcomer', 'a quiet river 7')).status, 200);
});

// RFC 6238 with SHA-1, as an authenticator app reckons.
function totp(secret, at = Date.now()) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

test('second factor: enrolled, asked for, none counts twice, recovery codes, switched off', async () => {
  const me = await city.as('leader');
  assert.equal((await post(me, '/api/me/factor', { password: 'wrong' })).status, 422);
  const made = await post(me, '/api/me/factor', { password: PASSWORD });
  assert.equal(made.status, 201, made.text);
  assert.match(made.body.uri, /^otpauth:\/\/totp\/Chengshu:leader\?secret=[A-Z2-7]{32}&/);
  const { secret } = made.body;
  assert.equal((await signIn('leader', PASSWORD)).status, 200, 'not asked for before it is confirmed');
  assert.equal((await post(me, '/api/me/factor/confirm', { code: '000000' })).status, 422);
  const code = totp(secret, Date.now() - 30000); // the step before: leaves the present one for the sign-in
  const confirmed = await post(me, '/api/me/factor/confirm', { code });
  assert.equal(confirmed.status, 200, confirmed.text);
  assert.equal(confirmed.body.recovery.length, 10);
  const asked = await signIn('leader', PASSWORD);
  assert.equal(asked.status, 401);
  assert.equal(asked.headers.get('x-second-factor'), 'totp');
  assert.equal((await asked.json()).pointer, '/code');
  assert.equal((await signIn('leader', PASSWORD, { code })).status, 401, 'the step of the confirmation is used up');
  const now = totp(secret);
  assert.equal((await signIn('leader', PASSWORD, { code: now })).status, 200);
  assert.equal((await signIn('leader', PASSWORD, { code: now })).status, 401, 'no code counts twice');
  const [recovery] = confirmed.body.recovery;
  assert.equal((await signIn('leader', PASSWORD, { code: recovery })).status, 200);
  assert.equal((await signIn('leader', PASSWORD, { code: recovery })).status, 401);
  const off = await post(me, '/api/me/factor/disable', { password: PASSWORD, code: confirmed.body.recovery[1] });
  assert.equal(off.status, 204, off.text);
  assert.equal((await signIn('leader', PASSWORD)).status, 200);
});

test('sessions: listed, one ended, all ended, ended by the administrator', async () => {
  const tokens = [];
  for (let i = 0; i < 3; i++) tokens.push((await (await signIn('linwei', PASSWORD, { from: `192.0.2.${i}` })).json()).token);
  const [a, b, c] = tokens.map(withToken);
  const list = (await a('/api/me/sessions')).body;
  assert.equal(list.length, 3);
  assert.equal(list.filter((s) => s.current).length, 1);
  assert.ok(list.some((s) => s.address === '192.0.2.2'));
  const mine = (await b('/api/me/sessions')).body.find((s) => s.current);
  assert.equal((await a(`/api/me/sessions/${mine.id}`, { method: 'DELETE' })).status, 204);
  assert.equal((await b('/api/me')).status, 401);
  const housing = await city.as('housing');
  const other = (await a('/api/me/sessions')).body[0];
  assert.equal((await housing(`/api/me/sessions/${other.id}`, { method: 'DELETE' })).status, 404, "not another's");
  const admin = await city.as('admin');
  assert.equal((await admin('/api/users/linwei/sessions', { method: 'DELETE' })).status, 204);
  assert.equal((await a('/api/me')).status, 401);
  assert.equal((await c('/api/me')).status, 401);
  const again = withToken((await (await signIn('linwei', PASSWORD)).json()).token);
  assert.equal((await again('/api/me/sessions', { method: 'DELETE' })).status, 204);
  assert.equal((await again('/api/me')).status, 401);
});

test('a change of rights exchanges the cookie; the old one counts for a minute more', async () => {
  const r = await signIn('grid1', PASSWORD, { browser: true });
  let pair = cookies(r)[0].split(';')[0];
  const first = pair;
  const get = (cookie) => fetch(`${city.url}/api/me`, { headers: { cookie } });
  assert.deepEqual(cookies(await get(pair)), []);
  const security = await city.as('security');
  assert.equal((await post(security, '/api/grants', { user: 'grid1', role: 'leader' })).status, 201);
  let next = null;
  for (let i = 0; i < 1000 && !next; i++) {
    next = cookies(await get(pair))[0]?.split(';')[0] ?? null;
    if (!next) await new Promise((done) => setTimeout(done, 25));
  }
  assert.ok(next && next !== first, 'a new token was handed out');
  assert.equal((await get(next)).status, 200);
  for (let i = 0; i < 40; i++) await get(next);
  assert.equal((await get(first)).status, 200, 'requests that were on their way');
  assert.deepEqual(cookies(await get(next)), [], 'exchanged once');
});

test('sign-in by an SM2 certificate of the city: the nonce signed, once, by whom it is registered to', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chengshu-ca-'));
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  const id = 'distid:1234567812345678';
  const holder = (name) => {
    openssl('ecparam', '-genkey', '-name', 'SM2', '-noout', '-out', `${name}.key`);
    openssl('req', '-new', '-key', `${name}.key`, '-sm3', '-sigopt', id, '-subj', `/C=CN/O=WN/CN=${name}`, '-utf8', '-out', `${name}.csr`);
  };
  const authority = (name) => {
    openssl('ecparam', '-genkey', '-name', 'SM2', '-noout', '-out', `${name}.key`);
    openssl('req', '-x509', '-new', '-key', `${name}.key`, '-sm3', '-sigopt', id, '-subj', '/C=CN/O=WN/CN=CA', '-days', '30', '-out', `${name}.pem`);
  };
  const issue = (ca, name) => {
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-sm3', '-sigopt', id,
      '-vfyopt', id, '-days', '30', '-out', `${name}.pem`);
    return readFileSync(join(dir, `${name}.pem`), 'utf8');
  };
  try {
    authority('ca');
    authority('other');
    holder('zhao');
    const certificate = issue('ca', 'zhao');
    const json = (path, body) => fetch(city.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const challenge = async () => (await (await json('/api/session/challenge', {})).json()).nonce;
    const sign = (nonce) => {
      writeFileSync(join(dir, 'nonce'), nonce);
      return openssl('dgst', '-sm3', '-sigopt', id, '-sign', 'zhao.key', 'nonce').toString('base64');
    };
    let nonce = await challenge();
    assert.equal((await json('/api/session', { certificate, nonce, signature: sign(nonce) })).status, 401, 'no authority yet');
    writeFileSync(join(city.dir, 'keys/ca.pem'), readFileSync(join(dir, 'ca.pem')));
    nonce = await challenge();
    const unknown = await json('/api/session', { certificate, nonce, signature: sign(nonce) });
    assert.equal(unknown.status, 401);
    assert.match((await unknown.json()).detail, /没有登记/);
    const admin = await city.as('admin');
    const registered = await post(admin, '/api/users/housing/certificate', { certificate });
    assert.equal(registered.status, 202, registered.text); // housing reaches records: a second administrator must agree
    const security = await city.as('security');
    nonce = await challenge();
    assert.equal((await json('/api/session', { certificate, nonce, signature: sign(nonce) })).status, 401, 'not before it was approved');
    assert.equal((await post(security, `/api/approvals/${registered.body.approval}/approve`)).status, 200);
    assert.equal(registered.body.subject, 'CN=zhao,O=WN,C=CN');
    const second = await post(admin, '/api/users/ecology/certificate', { certificate });
    assert.equal((await post(security, `/api/approvals/${second.body.approval}/approve`)).status, 409, 'one user a certificate');
    assert.equal((await post(admin, '/api/users/auditor/certificate', { certificate })).status, 403, 'no other administrator');
    nonce = await challenge();
    const signature = sign(nonce);
    const r = await json('/api/session', { certificate, nonce, signature });
    const who = await r.json();
    assert.equal(r.status, 200, JSON.stringify(who));
    assert.equal(who.user, 'housing');
    assert.equal((await withToken(who.token)('/api/me')).status, 200);
    assert.equal((await json('/api/session', { certificate, nonce, signature })).status, 401, 'a nonce counts once');
    assert.equal((await json('/api/session', { certificate, nonce: await challenge(), signature })).status, 401, 'another nonce');
    nonce = await challenge();
    assert.equal((await json('/api/session', { certificate: issue('other', 'zhao'), nonce, signature: sign(nonce) })).status, 401, 'another authority');
    assert.equal((await json('/api/session', { certificate, nonce: `1.${nonce.slice(2)}`, signature })).status, 401);
    assert.equal((await admin('/api/users/housing/certificate', { method: 'DELETE' })).status, 204);
    nonce = await challenge();
    assert.equal((await json('/api/session', { certificate, nonce, signature: sign(nonce) })).status, 401);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('sign-in without what it needs says what is missing', async () => {
  const r = await fetch(`${city.url}/api/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"user":"steward"}' });
  assert.equal(r.status, 400);
  assert.equal((await r.json()).pointer, '/password');
});
