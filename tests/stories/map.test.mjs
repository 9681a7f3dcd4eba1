// SPDX-License-Identifier: MulanPSL-2.0
// A city with a tile service of its own: the server fetches the tiles, the pages reach no other origin, the key stays inside.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City } from './city.mjs';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
let city, steward, nobody, service, asked = [];
before(async () => {
  city = await City.make();
  await city.serve();
  [steward, nobody] = await Promise.all([city.as('steward'), city.as(null)]);
  service = createServer((rq, rs) => {
    asked.push(rq.url);
    const z = rq.url.split('/')[1];
    if (z === '5') rs.writeHead(404).end();
    else if (z === '6') rs.writeHead(200, { 'content-type': 'text/html' }).end('<script>alert(1)</script>');
    else if (z === '7') rs.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    else if (z === '8') rs.writeHead(200).end(Buffer.concat([PNG, Buffer.alloc(3 << 20)]));
    else rs.writeHead(200, { 'content-type': 'image/png' }).end(PNG);
  });
  await new Promise((done) => service.listen(0, '127.0.0.1', done));
});
after(async () => { service?.close(); await city?.remove(); });

function configure(text, mode = 0o600) {
  mkdirSync(join(city.dir, 'keys'), { recursive: true });
  writeFileSync(join(city.dir, 'keys/map.json'), text);
  chmodSync(join(city.dir, 'keys/map.json'), mode);
}

test('without a service there is none, and that is told', async () => {
  assert.equal((await nobody('/api/map')).status, 401);
  assert.equal((await nobody('/api/map/1/0/0')).status, 401);
  assert.deepEqual((await steward('/api/map')).body, { tiles: null, attribution: '', max_zoom: 18 });
  assert.equal((await steward('/api/map/1/0/0')).status, 404);
});

test('tiles pass through the server; the key is never told', async () => {
  configure(JSON.stringify({ tiles: `http://127.0.0.1:${service.address().port}/{z}/{x}/{y}?tk=secret-key`, attribution: '示例底图', max_zoom: 12 }));
  const map = await steward('/api/map');
  assert.deepEqual(map.body, { tiles: '/api/map/{z}/{x}/{y}', attribution: '示例底图', max_zoom: 12 });
  const tile = await fetch(`${city.url}/api/map/3/6/2`, { headers: { authorization: `Bearer ${await city.signIn('steward')}` } });
  assert.equal(tile.status, 200);
  assert.equal(tile.headers.get('content-type'), 'image/png');
  assert.match(tile.headers.get('cache-control'), /max-age=604800/);
  assert.deepEqual(Buffer.from(await tile.arrayBuffer()), PNG);
  assert.deepEqual(asked, ['/3/6/2?tk=secret-key']);
  assert.equal((await nobody('/api/map/3/6/2')).status, 401);
});

test('what is no tile is refused, and what the service gives instead of a picture is not passed on', async () => {
  for (const path of ['13/0/0', '3/8/0', '3/0/-1', 'a/b/c', '3/0/1e9', '99999999999999999999/0/0']) assert.equal((await steward(`/api/map/${path}`)).status, 400, path);
  assert.equal((await steward('/api/map/5/0/0')).status, 404);
  for (const z of [6, 7, 8]) {
    const r = await steward(`/api/map/${z}/0/0`);
    assert.equal(r.status, 503, `${z}: ${r.text.slice(0, 200)}`);
    assert.doesNotMatch(r.text, /script|secret-key/);
  }
});

test('a wrong file is told, and one that others may read is not used', async () => {
  configure('{"tiles":"ftp://somewhere/{z}"}');
  assert.equal((await steward('/api/map')).status, 400);
  configure('{"tiles":"https://somewhere/{z}/{x}/{y}"}', 0o644);
  const r = await steward('/api/map');
  assert.equal(r.status, 500);
  assert.doesNotMatch(r.text, /somewhere/);
});
