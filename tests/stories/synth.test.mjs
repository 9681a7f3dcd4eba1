// SPDX-License-Identifier: MulanPSL-2.0
// A made-up city: as many records as asked for, all accepted by the same door as real ones, believable in its proportions, the same every time.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { City } from './city.mjs';

const SCALE = 0.0005;
const COUNTS = { address: 750, person: 2300, legal_person: 300, licence: 450 };
let one, two;
before(async () => { one = await City.make(); });
after(() => Promise.all([one?.remove(), two?.remove()]));

const rows = async (city, entity) => {
  const r = await city.command('export', entity, '--format', 'ndjson');
  assert.equal(r.code, 0, r.err);
  return r.out.trim().split('\n').map((l) => JSON.parse(l)).map(({ id, ...rest }) => rest).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)); // an id is drawn anew each time
};
// What the entity's synth file made: not what the demo city had before.
const mark = { address: (x) => x.code.startsWith('HC'), legal_person: (x) => /610599MN/.test(x.code), licence: (x) => x.code.startsWith('HC-') };

test('every record is accepted; the numbers are those of the scale', async () => {
  const before = (await rows(one, 'person')).length;
  const made = await one.command('synth', '--scale', String(SCALE));
  assert.equal(made.code, 0, made.out + made.err);
  assert.doesNotMatch(made.out, /不合格/);
  const verified = await one.command('verify');
  assert.equal(verified.code, 0, verified.err);
  for (const [entity, count] of Object.entries(COUNTS)) {
    const all = await rows(one, entity);
    assert.equal(entity === 'person' ? all.length - before : all.filter(mark[entity]).length, count, entity);
  }
});

test('nobody in it exists, and the proportions are a city\'s', async () => {
  const people = await rows(one, 'person');
  for (const p of people) {
    assert.match(p.id_no, /^610599/);
    assert.match(p.name, /^.[样例拟试仿设]/);
    if (p.phone) assert.match(p.phone, /^199000\d{5}$/);
  }
  const share = (f) => people.filter(f).length / people.length;
  const age = (p) => (Date.parse('2025-06-30') - Date.parse(p.born_on)) / 31557600000;
  const near = (got, want, by) => assert.ok(Math.abs(got - want) < by, `${got} is not near ${want}`);
  near(share((p) => age(p) < 15), 0.18, 0.03); // the census of 2020: 17.95 %, 63.35 %, 18.70 %
  near(share((p) => age(p) >= 60), 0.187, 0.03);
  near(share((p) => p.sex === '1'), 0.5, 0.05);
  assert.ok(share((p) => p.name.startsWith('王')) > 0.03, 'common names are common (half of these people are of the demo, with even names)');
  assert.ok(new Set(people.map((p) => p.region)).size > 500, 'spread over the villages');
  const companies = (await rows(one, 'legal_person')).filter(mark.legal_person);
  assert.ok(companies.filter((c) => c.trade === 'F').length > companies.filter((c) => c.trade === 'P').length * 3, 'more shops than schools');
  for (const c of companies) assert.match(c.title, /^样例/);
});

test('the same scale gives the same city', { skip: process.env.STORY_DB === 'postgres' && 'what is made does not know the database' }, async () => {
  two = await City.make();
  assert.equal((await two.command('synth', '--scale', String(SCALE))).code, 0);
  for (const entity of ['person', 'legal_person', 'licence']) assert.deepEqual(await rows(one, entity), await rows(two, entity), entity);
});

test('a second time is refused; a wrong scale too', async () => {
  const again = await one.command('synth', '--scale', String(SCALE));
  assert.equal(again.code, 1);
  assert.match(again.err, /已经生成过/);
  for (const bad of ['0', '2', 'x', '-1', '0.00001']) assert.equal((await one.command('synth', '--scale', bad)).code, 2, bad);
});
