// SPDX-License-Identifier: MulanPSL-2.0
// PostgREST's own JavaScript client against /api/records, unchanged: what its users do every day.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PostgrestClient } from '@supabase/postgrest-js';
import { City } from './city.mjs';

let city, db;

before(async () => {
  city = await City.make();
  await city.serve();
  const token = await city.signIn('steward');
  db = new PostgrestClient(`${city.url}/api/records`, { headers: { Authorization: `Bearer ${token}` } });
});
after(() => city?.remove());

const good = ({ data, error }) => {
  assert.equal(error, null, JSON.stringify(error));
  return data;
};

test('select: named columns, eq, order', async () => {
  const rows = good(await db.from('region').select('code,title').eq('parent', '610500').order('code'));
  assert.equal(rows.length, 11);
  assert.deepEqual(rows[0], { code: '610502', title: '临渭区' });
  assert.deepEqual(rows.at(-1), { code: '610582', title: '华阴市' });
});

test('filters: gt, lte, like, ilike, in, is, not, or, match', async () => {
  assert.equal(good(await db.from('project').select('no').gt('no', 50)).length, 4);
  assert.equal(good(await db.from('project').select('no').lte('no', 5)).length, 5);
  assert.equal(good(await db.from('region').select('code').like('title', '%临渭%').eq('level', 3)).length, 1);
  assert.equal(good(await db.from('region').select('code').in('code', ['610502', '610503', 'none'])).length, 2);
  assert.equal(good(await db.from('region').select('code').is('parent', null)).length, 31);
  assert.equal(good(await db.from('region').select('code').not('parent', 'is', null).eq('level', 2)).length, 342);
  assert.equal(good(await db.from('region').select('code').or('code.eq.610502,and(level.eq.3,title.like.*华阴*)')).length, 2);
  assert.equal(good(await db.from('region').select('code').match({ level: 3, parent: '610500' })).length, 11);
  assert.equal(good(await db.from('legal_person').select('code').ilike('title', '%公司%').limit(3)).length, 3);
});

test('embedding: to-one, many to many, children', async () => {
  const [r] = good(await db.from('region').select('title,parent(title,parent(title))').eq('code', '610502'));
  assert.deepEqual(r, { title: '临渭区', parent: { title: '渭南市', parent: { title: '陕西省' } } });
  const p = good(await db.from('project').select('no,orgs(code,title)').eq('no', 6).single());
  assert.equal(p.orgs.length, 3);
  assert.ok(p.orgs.every((o) => o.code && o.title));
  const county = good(await db.from('region').select('code,legal_person(code)').eq('code', '610502').limit(1).single());
  assert.ok(Array.isArray(county.legal_person));
});

test('range and exact count', async () => {
  const { data, count, error, status } = await db.from('region').select('code', { count: 'exact' }).eq('level', 3).range(0, 9);
  assert.equal(error, null);
  assert.equal(status, 206);
  assert.equal(data.length, 10);
  assert.ok(count > 2900 && count < 3000, `counties: ${count}`);
  const head = await db.from('project').select('*', { count: 'exact', head: true });
  assert.equal(head.count, 54);
});

test('insert, single, update, upsert, delete', async () => {
  const row = { no: 901, title: '测试项目', category: '其他', lead: '市委网信办', orgs: ['WN-WXB'] };
  const made = good(await db.from('project').insert(row).select().single());
  assert.equal(made.no, 901);
  assert.deepEqual(made.orgs, ['WN-WXB']);
  const again = await db.from('project').insert(row);
  assert.equal(again.status, 409);
  assert.match(again.error.message, /相同/);
  const changed = good(await db.from('project').update({ title: '改名' }).eq('no', 901).select('no,title'));
  assert.deepEqual(changed, [{ no: 901, title: '改名' }]);
  const both = good(await db.from('project').upsert([{ no: 901, title: '再改' }, { no: 902, title: '新的' }]).select('no,title').order('no'));
  assert.deepEqual(both, [{ no: 901, title: '再改' }, { no: 902, title: '新的' }]);
  const ignored = await db.from('project').upsert({ no: 901, title: '不改' }, { onConflict: 'no', ignoreDuplicates: true });
  assert.equal(ignored.error, null);
  assert.equal(good(await db.from('project').select('title').eq('no', 901).single()).title, '再改');
  assert.equal((await db.from('project').delete().in('no', [901, 902])).error, null);
  assert.equal(good(await db.from('project').select('no').gt('no', 900)).length, 0);
});

test('rollback: tried and not kept', async () => {
  const entries = async () => (await db.from('project').select('no', { count: 'exact', head: true })).count;
  const before = await entries();
  const tried = await db.from('project').insert([{ no: 903, title: '试一试' }, { no: 904, title: '再试' }]).select('no,title').rollback();
  assert.deepEqual([tried.status, good(tried)], [201, [{ no: 903, title: '试一试' }, { no: 904, title: '再试' }]]);
  assert.deepEqual(good(await db.from('project').update({ title: '试着改' }).eq('no', 6).select('title').rollback()), [{ title: '试着改' }]);
  assert.deepEqual(good(await db.from('project').delete().eq('no', 6).select('no').rollback()), [{ no: 6 }]);
  assert.notEqual(good(await db.from('project').select('title').eq('no', 6).single()).title, '试着改');
  assert.equal(await entries(), before);
  // what would be refused is refused
  const refused = await db.from('project').insert({ no: 6, title: '重复的' }).rollback();
  assert.equal(refused.status, 409);
});

test('csv', async () => {
  const text = good(await db.from('indicator').select('no,title').order('no').limit(2).csv());
  assert.equal(text.trim().split(/\r?\n/).length, 3);
  assert.match(text, /^no,title/);
});

test('geojson', async () => {
  const fc = good(await db.from('region').select('code,title,area').eq('parent', '610500').geojson());
  assert.equal(fc.type, 'FeatureCollection');
  assert.equal(fc.features.length, 11);
  assert.equal(fc.features[0].geometry.type, 'Polygon');
});

test('aggregates', async () => {
  const rows = good(await db.from('project').select('category,count()').order('category'));
  assert.equal(rows.reduce((n, r) => n + r.count, 0), 54);
  const [n] = good(await db.from('region').select('n:count(),code.max()').eq('parent', '610500'));
  assert.deepEqual(n, { n: 11, max: '610582' });
});

test('maybeSingle and single on nothing', async () => {
  assert.equal(good(await db.from('project').select().eq('no', 9999).maybeSingle()), null);
  const none = await db.from('project').select().eq('no', 9999).single();
  assert.equal(none.status, 406);
});

test('errors name the field and the nearest right one', async () => {
  const { error, status } = await db.from('region').select('titel');
  assert.equal(status, 400);
  assert.match(error.hint, /title/);
  const op = await db.from('region').select('code').filter('code', 'eqq', 1);
  assert.equal(op.status, 400);
  assert.match(op.error.hint, /eq/);
  assert.equal((await db.from('regoin').select()).status, 404);
});
