// SPDX-License-Identifier: MulanPSL-2.0
// A department's system signs its people in through the city, with a stock client library (openid-client).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Issuer, generators } from 'openid-client';
import { City, PASSWORD } from './city.mjs';

const REDIRECT = 'https://app.example/callback';
let city, security, registered, issuer;
before(async () => {
  city = await City.make();
  await city.serve();
  security = await city.as('security');
  const r = await security('/api/oidc/clients', { method: 'POST', json: { title: '环评系统', redirects: [REDIRECT] } });
  assert.equal(r.status, 201, r.text);
  registered = r.body;
  issuer = await Issuer.discover(city.url);
});
after(() => city?.remove());

async function cookieOf(user) {
  const r = await fetch(`${city.url}/api/session`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user, password: PASSWORD }),
  });
  return r.headers.getSetCookie()[0].split(';')[0];
}
const visit = (url, cookie) => fetch(url, { redirect: 'manual', headers: cookie ? { cookie } : {} });
const stockClient = (extra = {}) =>
  new issuer.Client({ client_id: registered.id, client_secret: registered.secret, redirect_uris: [REDIRECT], response_types: ['code'], ...extra });

function begin(client, change = {}) {
  const verifier = generators.codeVerifier(), state = generators.state(), nonce = generators.nonce();
  const url = client.authorizationUrl({
    scope: 'openid profile', state, nonce, code_challenge: generators.codeChallenge(verifier), code_challenge_method: 'S256', ...change,
  });
  return { url, checks: { state, nonce, code_verifier: verifier } };
}

for (const method of ['client_secret_basic', 'client_secret_post'])
  test(`a stock client signs in: code, PKCE, RS256, user information (${method})`, async () => {
    const client = stockClient({ token_endpoint_auth_method: method });
    const { url, checks } = begin(client);
    const cookie = await cookieOf('ecology');
    const there = await visit(url, cookie);
    assert.equal(there.status, 302, await there.text());
    const params = client.callbackParams(there.headers.get('location'));
    const tokens = await client.callback(REDIRECT, params, checks);
    assert.equal(tokens.claims().sub, 'ecology');
    assert.equal(tokens.claims().aud, registered.id);
    const info = await client.userinfo(tokens);
    assert.equal(info.name, '市生态环境局工作人员');
    assert.equal(info.org, 'WN-STJ');
    await assert.rejects(client.callback(REDIRECT, params, checks), /invalid_grant/, 'a code counts once');
    const records = await fetch(`${city.url}/api/records/region`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.equal(records.status, 401, 'the token opens nothing else');
  });

test('without a session: asked again from this site, then to the page of sign-in', async () => {
  const { url } = begin(stockClient());
  const first = await visit(url);
  assert.equal(first.status, 200);
  const html = await first.text();
  const next = html.match(/content="0;url=([^"]+)"/)[1].replaceAll('&amp;', '&');
  assert.match(next, /^\/oidc\/authorize\?again=1&/);
  const second = await visit(city.url + next);
  assert.equal(second.status, 302);
  assert.match(second.headers.get('location'), /^\/\?next=%2Foidc%2Fauthorize/);
  assert.equal((await visit(city.url + next, await cookieOf('housing'))).status, 302);
  const none = await visit(begin(stockClient(), { prompt: 'none' }).url);
  assert.match(none.headers.get('location'), /error=login_required/);
  const hostile = await visit(`${url}&x="><script>alert(1)</script>`);
  assert.doesNotMatch(await hostile.text(), /<script>/);
});

test('what is not as registered or not safe is refused', async () => {
  const cookie = await cookieOf('housing');
  const client = stockClient();
  const error = async (change) => new URL((await visit(begin(client, change).url, cookie)).headers.get('location')).searchParams.get('error');
  assert.equal(await error({ code_challenge_method: 'plain' }), 'invalid_request');
  assert.equal(await error({ response_type: 'token' }), 'unsupported_response_type');
  assert.equal(await error({ scope: 'profile' }), 'invalid_scope');
  assert.equal((await visit(begin(client, { redirect_uri: 'https://evil.example/' }).url, cookie)).status, 400, 'never sent there');
  assert.equal((await visit(begin(client, { client_id: 'x' }).url, cookie)).status, 400);
  const again = async (change, checks = {}) => {
    const b = begin(client);
    const params = client.callbackParams((await visit(b.url, cookie)).headers.get('location'));
    const other = stockClient(change);
    return other.callback(REDIRECT, params, { ...b.checks, ...checks });
  };
  await assert.rejects(again({}, { code_verifier: generators.codeVerifier() }), /invalid_grant/);
  await assert.rejects(again({ client_secret: 'wrong' }), /invalid_client/);
  for (const redirect of ['http://app.example/x', 'https://app.example/#x', 'javascript:alert(1)'])
    assert.equal((await security('/api/oidc/clients', { method: 'POST', json: { title: 'x', redirects: [redirect] } })).status, 422, redirect);
  const admin = await city.as('admin');
  assert.equal((await admin('/api/oidc/clients')).status, 403);
  assert.equal((await security(`/api/oidc/clients/${registered.id}`, { method: 'DELETE' })).status, 204);
  assert.equal((await visit(begin(client).url, cookie)).status, 400);
});

test('the issuer is what the operator says, not what a client writes as Host', async () => {
  const { chengshu } = await import('./city.mjs');
  const wrong = await chengshu(['serve', '--data', '/nonexistent', '--public-url', 'city.example/path']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /public-url/);
  const own = await City.make();
  try {
    await own.serve('--public-url', 'https://city.example');
    const found = await (await fetch(`${own.url}/.well-known/openid-configuration`)).json();
    assert.equal(found.issuer, 'https://city.example');
    assert.equal(found.token_endpoint, 'https://city.example/oidc/token');
  } finally {
    await own.remove();
  }
});
