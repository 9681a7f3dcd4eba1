// SPDX-License-Identifier: MulanPSL-2.0
// Search as a person at the desk meets it: typed words, codes, initials; nobody finds what they may not read; what is written
// shows at once, what is deleted is gone at once; the index goes on after a kill; pages and counts of lists.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { City } from './city.mjs';

let city;
before(async () => {
  city = await City.make();
  await city.serve();
});
after(() => city?.remove());

const find = async (who, q, more = '') => {
  const r = await who(`/api/search?q=${encodeURIComponent(q)}${more}`);
  assert.equal(r.status, 200, r.text);
  return r.body;
};
const marked = (hit, field) => hit.match.find((m) => m.field === field)?.parts.filter((p) => p.hit).map((p) => p.t);

// Every entity's index is made: no count says `indexed` any more.
async function indexed(who) {
  for (let i = 0; i < 600; i++) {
    const { counts } = await find(who, '渭');
    if (counts.length && counts.every((c) => c.indexed === undefined)) return;
    await wait(100);
  }
  assert.fail('the index is not made');
}

test('words, codes and initials, marked and counted', async () => {
  const steward = await city.as('steward');
  await indexed(steward);
  const words = await find(steward, '临渭区');
  assert.equal(words.hits[0].label, '临渭区');
  assert.deepEqual(marked(words.hits[0], 'title'), ['临渭区']);
  assert.ok(words.counts.some((c) => c.entity === 'region' && c.title === '行政区划' && c.n >= 1 && c.more === false));
  assert.ok(words.took_ms >= 0);
  assert.equal((await find(steward, 'lwq', '&entity=region')).hits.some((h) => h.label === '临渭区'), true);
  assert.equal((await find(steward, '610502', '&entity=region')).hits[0].id, '610502');
  const one = (await find(steward, '渭', '&limit=1&offset=1')).hits;
  assert.equal(one.length, 1);
  assert.deepEqual(one, (await find(steward, '渭', '&limit=2')).hits.slice(1));
  // the same as a scan of the list
  const scan = (await steward('/api/records/address?title=like.*丰原*&select=code&order=code')).body.map((r) => r.code);
  const found = (await find(steward, '"丰原"', '&entity=address&limit=100')).hits.filter((h) => marked(h, 'title')).map((h) => h.id).sort();
  if (scan.length && scan.length < 100) assert.deepEqual(found, scan.sort());
  for (const [q, status] of [['', 400], ['。', 400], ['x'.repeat(500), 400]])
    assert.equal((await steward(`/api/search?q=${encodeURIComponent(q)}`)).status, status, q);
  const near = await steward('/api/search?q=a&entity=regoin');
  assert.equal(near.status, 400);
  assert.match(near.body.hint, /region/);
});

test('nobody finds what they may not read', async () => {
  const steward = await city.as('steward'), linwei = await city.as('linwei'), nobody = await city.as(null), auditor = await city.as('auditor');
  assert.equal((await nobody('/api/search?q=a')).status, 401);
  assert.deepEqual((await find(auditor, '渭')).hits, []);
  assert.equal((await auditor('/api/search?q=a&entity=person')).status, 403);
  for (const { entity, id } of (await find(linwei, '华阴', '&limit=100')).hits)
    assert.equal((await linwei(`/api/records/${entity}/${encodeURIComponent(id)}`)).status, 200, `${entity} ${id}`);
  const all = (await find(steward, '有限公司', '&entity=legal_person&limit=100')).counts[0].n;
  const own = await find(linwei, '有限公司', '&entity=legal_person&limit=100');
  const mine = (await linwei('/api/records/legal_person?title=like.*有限公司*&select=code')).body.length;
  assert.equal(own.counts[0].n, mine);
  assert.ok(mine < all);
  // a sensitive field is found by nobody
  const [person] = (await steward('/api/records/person?select=id,id_no&id_no=not.is.null&limit=1', { headers: { 'x-purpose': encodeURIComponent('核对登记信息') } })).body;
  assert.match(person.id_no, /^\d{17}/);
  assert.deepEqual((await find(steward, person.id_no)).hits, []);
});

test('what is written shows at once, also after a kill', async () => {
  const steward = await city.as('steward');
  const post = (no, title) => steward('/api/records/project', { method: 'POST', json: { no, title } });
  assert.equal((await post(901, '青龙桥智慧停车')).status, 201);
  assert.deepEqual((await find(steward, '"青龙桥"')).hits.map((h) => h.id), ['901']);
  assert.equal((await steward('/api/records/project/901', { method: 'PATCH', json: { title: '白虎桥智慧停车' } })).status, 200);
  assert.deepEqual((await find(steward, '"青龙桥"')).hits, []);
  assert.deepEqual((await find(steward, 'bhqzh', '&entity=project')).hits.map((h) => h.id), ['901']);
  assert.equal((await post(902, '白虎桥夜市')).status, 201);
  await city.stop('SIGKILL');
  await city.serve();
  const again = await city.as('steward');
  assert.deepEqual((await find(again, '"白虎桥"')).hits.map((h) => h.id).sort(), ['901', '902']);
  await wait(1500); // the index has followed by now
  assert.deepEqual((await find(again, '"白虎桥"')).hits.map((h) => h.id).sort(), ['901', '902']);
  assert.equal((await again('/api/records/project?_text=fts.白虎桥&select=no')).body.length, 2);
  assert.equal((await again('/api/records/project/901', { method: 'DELETE' })).status, 204);
  assert.deepEqual((await find(again, '"白虎桥"')).hits.map((h) => h.id), ['902']);
  assert.equal((await again('/api/records/project?_text=fts.白虎桥&select=no')).body.length, 1);
});

test('pages by cursor and kept counts, and what an operator sees of them', async () => {
  const steward = await city.as('steward'), linwei = await city.as('linwei');
  for (const [who, list] of [[steward, 'legal_person?select=code&order=title'], [linwei, 'legal_person?select=code&order=established_on.desc'], [steward, 'person?select=id']]) {
    const whole = (await who(`/api/records/${list}`, { headers: { prefer: 'count=exact' } }));
    const got = [];
    let cursor = '', pages = 0;
    do {
      const r = await who(`/api/records/${list}&limit=50${cursor && `&after=${cursor}`}`, { headers: { prefer: 'count=exact' } });
      assert.ok(r.status === 200 || r.status === 206, r.text);
      assert.equal(r.headers.get('content-range').split('/')[1], String(whole.body.length));
      got.push(...r.body);
      cursor = r.headers.get('x-next-cursor') ?? '';
      pages++;
    } while (cursor);
    assert.deepEqual(got, whole.body);
    assert.equal(pages, Math.ceil(whole.body.length / 50));
  }
  const by = (await steward('/api/records/legal_person?select=region,n:count()')).body;
  const all = (await steward('/api/records/legal_person?select=region')).body;
  for (const { region, n } of by) assert.equal(n, all.filter((r) => r.region === region).length);
  await city.stop();
  const verified = await city.command('verify');
  assert.equal(verified.code, 0, verified.out + verified.err);
  await city.serve();
});
