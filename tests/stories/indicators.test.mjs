// SPDX-License-Identifier: MulanPSL-2.0
// Indicators: the number equals a count made by hand over exported rows, follows a change, comes apart
// into parts that add up, is reported with evidence where no record tells it, and says so where nothing does.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT, stream, within } from './city.mjs';

let city, steward, leader, ecology;
before(async () => {
  city = await City.make();
  await city.serve();
  [steward, leader, ecology] = await Promise.all(['steward', 'leader', 'ecology'].map((u) => city.as(u)));
  for (let i = 0; i < 600; i++) { // the first pass begins with the server
    const { items } = (await steward('/api/indicators')).body;
    if (items.filter((x) => x.source === 'computed').every((x) => x.period_from)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('the indicators were not computed');
});
after(() => city?.remove());

const one = async (who, id, query = '') => (await who(`/api/indicators/${id}${query}`)).body;
const round2 = (x) => Math.round(x * 100) / 100;
const until = async (ms, ask) => {
  for (const end = Date.now() + ms; ; await new Promise((done) => setTimeout(done, 20))) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`not within ${ms} ms`);
  }
};

// Licences of the last months, so that there is something to move whatever today is.
async function issueLicences() {
  const regions = ['610502001001', '610528', '610581', '610523', '610500'], kinds = ['food', 'business', 'seed'], list = [];
  for (let i = 0; i < 60; i++) {
    const day = new Date(Date.now() - ((i * i * 7) % 200) * 86400000).toISOString().slice(0, 10);
    list.push({ code: `ZB-${i}`, kind: kinds[(i * 5) % 3], holder: `样例${i}`, issued_on: day, region: regions[(i * 3) % 5] });
  }
  const made = await steward('/api/records/licence', { method: 'POST', json: list });
  assert.equal(made.status, 201, made.text);
}

// Rows of the query, counted line by line in the CSV export; sum: a column added up instead.
async function byHand({ entity, query, sum }) {
  const key = { legal_person: 'code', licence: 'code', address: 'code', grid_cell: 'code', building: 'code', project: 'no', person: 'id' }[entity];
  const select = `select=${[key, sum].filter(Boolean).join(',')}`;
  const r = await steward(`/api/records/${entity}?${[query, select].filter(Boolean).join('&')}`, { headers: { accept: 'text/csv' } });
  assert.equal(r.status, 200, r.text);
  const lines = r.text.trim().split(/\r?\n/).slice(1).filter((l) => !l.startsWith('#'));
  return sum ? lines.reduce((t, l) => t + Math.round(Number(l.split(',')[1] || 0) * 100), 0) / 100 : lines.length;
}

async function counted(id, extra = '') {
  const part = async (p) => {
    const r = await steward(`/api/indicators/${id}/rows?part=${p}${extra}`);
    assert.equal(r.status, 200, r.text);
    const n = await byHand(r.body);
    if (!r.body.sum) assert.equal(r.body.total, n, `${id} ${p}: total`);
    return n;
  };
  const ratio = (await one(steward, id)).series.at(-1).den !== null;
  return ratio ? round2((100 * (await part('num'))) / (await part('den'))) : part('num');
}

test('the number is a count by hand over the exported rows, for the city and for each county', async () => {
  const ids = ['legal_person_total', 'legal_person_active_share', 'registered_capital', 'licence_valid_share', 'address_located_share',
    'grid_drawn_share', 'building_gridded_share', 'person_total', 'project_total', 'project_started_share'];
  let counties = 0;
  for (const id of ids) {
    const x = await one(leader, id, '?by=region').then((b) => (b.series ? b : one(leader, id)));
    assert.equal(x.value, await counted(id), id);
    for (const r of x.series.at(-1).regions ?? []) {
      if (counties++ % 5) continue;
      assert.equal(r.value, await counted(id, `&region=${r.region}`), `${id} ${r.region}`);
    }
  }
  assert.ok(counties > 40, `${counties} counties`);
});

test('a month of the past is a count of its rows', async () => {
  await issueLicences();
  const { trend } = await until(60000, async () => {
    const x = await one(leader, 'licence_issued');
    return x.trend.reduce((t, m) => t + m.value, 0) >= 60 && x;
  });
  for (const month of trend) assert.equal(month.value, await counted('licence_issued', `&from=${month.from}`), month.from);
});

test('a change of one record changes the value, and the stream tells', async () => {
  const before = await one(leader, 'legal_person_total');
  const [firm] = (await steward('/api/records/legal_person?state=eq.1&region=like.610502*&limit=1&select=code')).body;
  const s = await stream(city.url, await city.signIn('leader'), '?entity=indicator_value');
  const began = Date.now();
  const changed = await steward(`/api/records/legal_person/${firm.code}`, { method: 'PATCH', json: { state: '7' } });
  assert.ok(changed.status < 300, changed.text);
  let e;
  do e = await within(20000, s.next());
  while (!/^legal_person_total\.v1\.[0-9-]+$/.test(e.record));
  console.log(`# told after ${Date.now() - began} ms`);
  s.close();
  const now = await one(leader, 'legal_person_total', '?by=region');
  assert.equal(now.value, before.value - 1);
  assert.equal(now.value, await counted('legal_person_total'));
  assert.ok(Date.parse(now.as_of) >= began - 1000, now.as_of);
  const { lineage } = now.series.at(-1);
  assert.match(lineage.measures.num.sql, /select .* from "legal_person" t where/);
  assert.equal(lineage.measures.num.rows, now.value);
  assert.ok(lineage.journal_seq > 0 && lineage.computed_at);
});

test('the contributions add up to the change', async () => {
  const { trend } = await one(leader, 'licence_issued');
  let moved = 0;
  for (const { from } of trend.slice(1))
    for (const by of ['region', 'kind']) {
      const c = (await leader(`/api/indicators/licence_issued/change?from=${from}&by=${by}`)).body;
      const sum = c.parts.reduce((t, p) => t + p.contribution, 0);
      assert.equal(sum, c.change, `${from} ${by}`);
      assert.equal(c.after - c.before, c.change);
      moved += c.change !== 0;
    }
  assert.ok(moved >= 6, `${moved} months moved`);
  const parts = (await leader(`/api/indicators/licence_issued/change?from=${trend.at(-1).from}&by=region`)).body.parts;
  assert.ok(parts.every((p) => p.title && p.title !== p.key), JSON.stringify(parts));
});

test('what no record tells is reported with its evidence', async () => {
  const about = (await one(leader, 'plan_05'));
  assert.deepEqual([about.value, about.source, about.status, about.say], [null, 'reported', 'no_data', '尚未填报']);
  const quarter = `${new Date().getFullYear() - 1}-10-01`;
  const file = (await steward('/api/files?name=evidence.txt', { method: 'POST', body: '证明', headers: { 'content-type': 'text/plain' } })).body.id;
  const put = (who, json) => who('/api/indicators/plan_05/values', { method: 'POST', json });
  const good = { from: quarter, value: 82.5, file, note: '现场核查' };
  const made = await put(steward, good);
  assert.equal(made.status, 201, made.text);
  assert.equal(made.body.reported_by, 'steward');
  const x = await one(leader, 'plan_05');
  assert.deepEqual([x.value, x.period_from, x.target.text, x.source], [82.5, quarter, '100%', 'reported']);
  assert.deepEqual([x.series[0].reported.by, x.series[0].reported.file, x.series[0].reported.note], ['steward', file, '现场核查']);
  assert.equal((await put(steward, { ...good, value: '83' })).status, 200, 'corrected');
  assert.equal((await one(leader, 'plan_05')).value, 83);
  const history = (await steward(`/api/records/indicator_value/plan_05.v1.${quarter}/history`)).text;
  assert.match(history, /82\.5/, 'the journal keeps what was said before');
  for (const [json, status, pointer] of [
    [{ ...good, from: `${quarter.slice(0, 8)}02` }, 422, '/from'], [{ ...good, from: '2099-01-01' }, 422, '/from'],
    [{ ...good, to: '2025-01-01' }, 422, '/to'], [{ ...good, value: 1.234 }, 422, '/value'], [{ ...good, value: true }, 422, '/value'],
    [{ ...good, file: 'none' }, 422, '/file'], [{ ...good, region: '610500' }, 422, '/region'], [{ ...good, region: '999999' }, 409, '/region'],
    [{ ...good, more: 1 }, 400, '/more'], [{ from: quarter, value: 1 }, 400, '/file'],
  ]) {
    const r = await put(steward, json);
    assert.equal(r.status, status, r.text);
    assert.equal(r.body.pointer, pointer, r.text);
  }
  // an official of another department, a leader, nobody
  const own = (await ecology('/api/files?name=e.txt', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } })).body.id;
  assert.equal((await put(ecology, { ...good, file: own })).status, 403);
  assert.equal((await put(leader, good)).status, 403);
  assert.equal((await put(await city.as(null), good)).status, 401);
  assert.equal((await one(leader, 'plan_05')).value, 83, 'a refused report leaves nothing');
  for (const id of ['plan_19', 'legal_person_total'])
    assert.equal((await steward(`/api/indicators/${id}/values`, { method: 'POST', json: good })).status, 422, id);
});

test('the plan: thirty indicators with its targets; no source is no value', async () => {
  const { items } = (await leader('/api/indicators')).body;
  const records = (await leader('/api/records/indicator?order=no')).body;
  const plan = items.filter((x) => x.no).sort((a, b) => a.no - b.no);
  assert.equal(plan.length, 30);
  plan.forEach((x, i) => {
    const r = records[i];
    assert.deepEqual([x.no, x.title, x.group, x.unit, x.definition], [r.no, r.title, r.category, r.unit, r.definition]);
    assert.deepEqual([x.target.year, x.target.value, x.target.op, x.target.text], [2025, Number(r.target_2025), r.target_2025_op, r.target_2025_text]);
    if (x.source === 'none') assert.deepEqual([x.value, x.status, x.say, x.trend], [null, 'no_data', '尚无数据来源', []]);
  });
  assert.ok(plan.some((x) => x.source === 'none') && plan.some((x) => x.source === 'reported'));
  // the titles are the plan's own
  const rows = readFileSync(join(ROOT, 'systems/12-irm/data/indicator.csv'), 'utf8').trim().split('\n').slice(1);
  assert.deepEqual(plan.map((x) => x.title), rows.map((l) => l.split(',')[1]));
});

test('who may not, and what is wrong', async () => {
  const paths = ['', '/legal_person_total', '/legal_person_total/rows', '/legal_person_total/change'];
  const nobody = await city.as(null);
  for (const p of paths) assert.equal((await nobody(`/api/indicators${p}`)).status, 401, p);
  for (const user of ['admin', 'security', 'auditor', 'citizen']) {
    const who = await city.as(user);
    for (const p of paths) assert.equal((await who(`/api/indicators${p}`)).status, 403, `${user} ${p}`);
  }
  // the number, but not the rows
  assert.equal((await leader('/api/indicators/legal_person_total')).status, 200);
  assert.equal((await leader('/api/indicators/legal_person_total/rows')).status, 403);
  assert.equal((await leader('/api/indicators/project_total/rows')).status, 200);
  // a county official reads the own county's values, and of the rows only the own
  const huayin = await city.as('huayin');
  const x = await one(huayin, 'legal_person_total', '?by=region');
  assert.equal(x.value, null);
  const rows = (await huayin('/api/indicators/legal_person_total/rows')).body;
  assert.ok(rows.total > 0 && rows.rows.every((r) => r.region.startsWith('610582')));
  // values are not records to be written
  const made = await steward('/api/records/indicator_value', { method: 'POST', json: { code: 'x', indicator: 'legal_person_total', version: 1, value: 9 } });
  assert.equal(made.status, 403);
  for (const [path, status] of [
    ['/nothing', 404], ['/legal_person_total?by=colour', 400], ['/legal_person_total?from=2025', 400], ['/legal_person_total?nonsense=1', 400],
    ['/legal_person_total/rows?part=den', 400], ['/legal_person_active_share/rows?part=x', 400], ['/legal_person_total/rows?region=610502%27--', 400],
    ['/legal_person_total/change?by=x', 400], ['/plan_05/rows', 422], ['/plan_19/change', 422], ['/project_total/rows?region=610502', 400],
  ])
    assert.equal((await steward(`/api/indicators${path}`)).status, status, path);
});
