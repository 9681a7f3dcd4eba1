// SPDX-License-Identifier: MulanPSL-2.0
// Imports and exports as jobs: real registrations as a GB18030 file with bad rows, columns suggested, a check that leaves
// nothing behind, a run killed in the middle and continued, rejected rows corrected, a workbook out and in again, and
// nobody but the maker.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, SHARED } from './city.mjs';

const REAL = join(SHARED, 'data/enterprise-registry-shaanxi/shaanxi-2000.csv');
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
let city, steward;

before(async () => {
  city = await City.make();
  await city.serve();
  steward = await city.as('steward');
});
after(() => city?.remove());

const upload = async (who, entity, name, body) => {
  const r = await who(`/api/imports?entity=${entity}&name=${encodeURIComponent(name)}`, { method: 'POST', body, headers: { 'content-type': 'application/octet-stream' } });
  return r;
};
const post = (who, path, json) => who(path, { method: 'POST', ...(json ? { json } : {}) });
const patch = (who, path, json) => who(path, { method: 'PATCH', json });
async function until(who, path, states, ms = 120000) {
  const end = Date.now() + ms;
  for (;;) {
    const r = await who(path);
    if (states.includes(r.body.state)) return r.body;
    assert.ok(Date.now() < end, `still ${r.text}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
const count = async (who, entity, filter = '') => Number((await who(`/api/records/${entity}?${filter}&limit=1`, { headers: { prefer: 'count=exact' } })).headers.get('content-range').split('/')[1]);

// The real file, its text as GB18030; what is no GB18030 character is left out by the conversion.
function gb18030(text) {
  writeFileSync(join(city.dir, 'utf8.csv'), text);
  return execFileSync('iconv', ['-f', 'UTF-8', '-t', 'GB18030', join(city.dir, 'utf8.csv')], { maxBuffer: 64 << 20 });
}

test('a GB18030 file of real registrations: recognised, checked, run, killed, continued, corrected', async () => {
  const lines = readFileSync(REAL, 'utf8').split('\n');
  lines[100] = lines[100].replace(/,([0-9A-Z]{17})[0-9A-Z],/, (_, c) => `,${c}${credit(c).at(-1) === '0' ? '1' : '0'},`); // a wrong check character
  lines[700] = lines[700].split(',').slice(0, 4).join(','); // columns are missing
  lines[1200] = lines[1200].replace(/,\d{4}-\d\d-\d\d,/, ',2000-02-30,'); // no such day
  lines[1500] = lines[10]; // the same company again
  const made = await upload(steward, 'legal_person', 'shaanxi-2000.csv', gb18030(lines.join('\n')));
  assert.equal(made.status, 201, made.text);
  const job = made.body;
  assert.equal(job.format, 'csv');
  assert.equal(job.encoding, 'GB18030');
  assert.equal(job.separator, ',');
  assert.equal(job.header, 1);
  assert.equal(job.state, 'ready');
  const by = Object.fromEntries(job.columns.map((c) => [c.name, c]));
  assert.equal(by['统一社会信用代码'].field, 'code');
  assert.equal(by['统一社会信用代码'].why, '名称相同');
  assert.equal(by['企业名称'].field, 'title');
  assert.equal(by['企业名称'].why, '标题相近');
  assert.equal(by['注册日期'].field, 'established_on');
  assert.equal(by['经营范围'].field, 'scope');
  assert.ok(by['企业名称'].samples.length);
  const path = `/api/imports/${job.id}`;

  // a wrong field is told with the nearest one
  const wrong = await patch(steward, path, { columns: { 企业名称: 'titel' } });
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /title/);
  const twice = await patch(steward, path, { columns: { 企业名称: 'title', 注册地址: 'title' } });
  assert.equal(twice.status, 422);
  const set = await patch(steward, path, {
    columns: { 企业类型: null, 注册资金: null, 地区: null, 注册地址: 'address', 法人代表: 'legal_rep', 所在省份: null },
    mode: 'insert',
  });
  assert.equal(set.status, 200, set.text);

  const before = await count(steward, 'legal_person');
  const checking = await post(steward, `${path}/check`);
  assert.equal(checking.status, 202, checking.text);
  const checked = await until(steward, path, ['checked', 'failed']);
  assert.equal(checked.state, 'checked', checked.error);
  assert.equal(checked.read, checked.accepted + checked.rejected + checked.skipped);
  assert.ok(checked.rejected >= 4, `${checked.rejected} rejected: bad rows are found`);
  const reasons = (await steward(`${path}/rejected?limit=200`)).body.rows.map((r) => `${r.row} ${r.errors[0].field} ${r.errors[0].reason}`).join('\n');
  for (const want of [/^101 code/m, /^701 .*列/m, /^1201 established_on/m, /^1501 code 与本文件第 11 行重复/m]) assert.match(reasons, want);
  assert.equal(await count(steward, 'legal_person'), before, 'a check writes nothing');

  // run, kill, continue
  let kills = 0;
  for (let from = 0; kills < 4; ) {
    assert.equal((await post(steward, `${path}/run`)).status, 202);
    let now;
    do now = (await steward(path)).body;
    while (kills && now.state === 'running' && now.read === from); // the first kill comes at once: a fast machine is soon done
    if (now.state === 'done') break;
    await new Promise((done) => setTimeout(done, Math.random() * 30)); // anywhere in a slice
    await city.stop('SIGKILL');
    await city.serve();
    steward = await city.as('steward');
    const stopped = (await steward(path)).body;
    if (stopped.state === 'done') break;
    assert.equal(stopped.state, 'stopped', JSON.stringify(stopped));
    assert.equal(await count(steward, 'legal_person'), before + stopped.accepted, 'what is counted is there, and no more');
    from = stopped.read;
    kills++;
  }
  assert.ok(kills > 0, 'killed in the middle');
  if ((await steward(path)).body.state === 'stopped') assert.equal((await post(steward, `${path}/run`)).status, 202);
  const done = await until(steward, path, ['done', 'failed', 'stopped']);
  assert.equal(done.state, 'done', done.error);
  for (const k of ['read', 'accepted', 'rejected', 'skipped']) assert.equal(done[k], checked[k], k);
  assert.equal(await count(steward, 'legal_person'), before + done.accepted);
  assert.equal(done.done_bytes, done.bytes);
  assert.ok(done.rate > 0);

  // rejected rows: shown, corrected, downloaded
  const bad = (await steward(`${path}/rejected?limit=5`)).body;
  assert.equal(bad.total, done.rejected);
  const first = bad.rows[0];
  assert.ok(first.errors[0].reason, JSON.stringify(first));
  assert.ok(first.values['企业名称'] !== undefined);
  const still = await post(steward, `${path}/retry`, { rows: [{ row: first.row, values: { 统一社会信用代码: '91610599MX0000019F' } }] });
  assert.equal(still.status, 200, still.text);
  assert.deepEqual(still.body.accepted, []);
  assert.equal(still.body.rejected[0].errors[0].column, '统一社会信用代码');
  const fixed = { 统一社会信用代码: '91610599MA00000015', 企业名称: '改正后的样例公司', 注册日期: '2000-01-05', 经营范围: '零售', 注册地址: '渭南市', 法人代表: '某某' };
  fixed['统一社会信用代码'] = credit('91610599MA0000001');
  const retried = await post(steward, `${path}/retry`, { rows: [{ row: first.row, values: fixed }] });
  assert.deepEqual(retried.body, { accepted: [first.row], rejected: [] });
  assert.equal((await steward(`${path}/rejected`)).body.total, done.rejected - 1);
  assert.equal((await post(steward, `${path}/retry`, { rows: [{ row: first.row, values: fixed }] })).status, 404);
  assert.equal((await steward(path)).body.accepted, done.accepted + 1);
  assert.equal((await steward(`/api/records/legal_person/${fixed['统一社会信用代码']}`)).body.title, '改正后的样例公司');
  const csv = await steward(`${path}/rejected.csv`);
  assert.match(csv.text, /统一社会信用代码.*row,field,reason/);
  assert.ok(csv.text.trim().split('\r\n').length >= done.rejected);
  assert.equal((await patch(steward, path, { mode: 'upsert' })).status, 409);

  // nobody else
  for (const user of [null, 'linwei', 'admin', 'auditor']) {
    const who = await city.as(user);
    const base = user ? 404 : 401;
    for (const p of ['', '/rejected', '/rejected.csv']) assert.equal((await who(path + p)).status, base, `${user} ${p}`);
    for (const p of ['/run', '/check', '/stop', '/retry']) assert.equal((await post(who, path + p, { rows: [{ row: 1 }] })).status, base, `${user} ${p}`);
    assert.equal((await who(path, { method: 'DELETE' })).status, base);
  }
  const admin = await city.as('admin');
  const seen = (await admin('/api/jobs')).body.find((j) => j.id === job.id);
  assert.equal(seen.state, 'done');
  assert.equal(seen.name, undefined, 'no business content');
  assert.equal(seen.columns, undefined);
  assert.equal((await (await city.as('linwei'))('/api/jobs')).body.length, 0);

  assert.equal((await steward(path, { method: 'DELETE' })).status, 204);
  assert.equal((await steward(path)).status, 404);
});

// Check character of GB 32100.
function credit(first17) {
  const alphabet = '0123456789ABCDEFGHJKLMNPQRTUWXY', weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
  const sum = [...first17].reduce((n, c, i) => n + alphabet.indexOf(c) * weights[i], 0);
  return first17 + alphabet[(31 - (sum % 31)) % 31];
}

test('a workbook out, and in again with equal data', async () => {
  const made = await post(steward, '/api/exports', { entity: 'project', query: 'order=no', format: 'xlsx' });
  assert.equal(made.status, 201, made.text);
  const done = await until(steward, `/api/exports/${made.body.id}`, ['done', 'failed']);
  assert.equal(done.state, 'done', done.error);
  assert.equal(done.rows, await count(steward, 'project'));
  assert.equal(done.total, done.rows);
  const token = await city.signIn('steward');
  const file = await fetch(`${city.url}/api/exports/${made.body.id}/file`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(file.status, 200);
  assert.equal(file.headers.get('content-type'), XLSX);
  const bytes = Buffer.from(await file.arrayBuffer());
  assert.equal(bytes.length, done.bytes);
  assert.equal(bytes.subarray(0, 2).toString(), 'PK');
  for (const user of [null, 'linwei', 'admin']) {
    const who = await city.as(user);
    assert.equal((await who(`/api/exports/${made.body.id}`)).status, user ? 404 : 401);
    assert.equal((await who(`/api/exports/${made.body.id}/file`)).status, user ? 404 : 401);
  }
  // the same form straight from the records
  const direct = await fetch(`${city.url}/api/records/project?order=no`, { headers: { authorization: `Bearer ${token}`, accept: XLSX } });
  assert.equal(direct.status, 200);
  assert.match(direct.headers.get('content-disposition'), /^attachment; filename\*=UTF-8''.*\.xlsx$/);
  assert.equal(Buffer.from(await direct.arrayBuffer()).subarray(0, 2).toString(), 'PK');
  const entries = (await (await city.as('auditor'))('/api/journal?entity=project&limit=1000')).body;
  const exports = entries.filter((e) => e.op === 'export');
  assert.ok(exports.length >= 2, 'both exports are in the journal');

  const rows = async () => (await steward('/api/records/project?order=no&select=no,title,category,content,period,lead,orgs,state,progress,budget,spent,region,note')).body;
  const before = await rows();
  const job = (await upload(steward, 'project', '项目.xlsx', bytes)).body;
  assert.equal(job.format, 'xlsx');
  assert.equal(job.sheet, '项目');
  assert.deepEqual(job.sheets, ['项目']);
  const path = `/api/imports/${job.id}`;
  const fields = job.columns.filter((c) => c.field).map((c) => c.field);
  assert.ok(['no', 'title', 'orgs', 'state', 'budget'].every((f) => fields.includes(f)), fields.join());
  assert.equal((await patch(steward, path, { mode: 'upsert' })).status, 200);
  await post(steward, `${path}/run`);
  const ran = await until(steward, path, ['done', 'failed', 'stopped']);
  assert.equal(ran.state, 'done', ran.error);
  assert.equal(ran.rejected, 0, (await steward(`${path}/rejected`)).text);
  assert.equal(ran.accepted, before.length);
  assert.deepEqual(await rows(), before);
  assert.equal((await steward(`/api/exports/${made.body.id}`, { method: 'DELETE' })).status, 204);
  assert.equal((await steward(`/api/exports/${made.body.id}/file`)).status, 404);
});

test('separators, UTF-16, header below titles, duplicates told by a check, rows that wait for others', async () => {
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('序号;项目名称;备注\r\n70001;分号;甲\r\n70001;重复;乙\r\n', 'utf16le')]);
  const semi = (await upload(steward, 'project', 'a.csv', utf16)).body;
  assert.equal(semi.encoding, 'UTF-16LE');
  assert.equal(semi.separator, ';');
  await post(steward, `/api/imports/${semi.id}/check`);
  const checked = await until(steward, `/api/imports/${semi.id}`, ['checked', 'failed']);
  assert.equal(checked.accepted, 1);
  assert.equal(checked.rejected, 1);
  assert.match((await steward(`/api/imports/${semi.id}/rejected`)).body.rows[0].errors[0].reason, /相同|重复/);

  const titled = (await upload(steward, 'project', 'b.txt', '关于项目的报表\n2025 年\n序号\t项目名称\n70010\t制表符\n')).body;
  assert.equal(titled.separator, '\t');
  assert.equal(titled.header, 3);
  assert.equal(titled.columns[0].field, 'no');

  const tree = (await upload(steward, 'region', 'c.csv', 'code,title,level,parent\n610599001001,某社区,5,610599001\n610599001,某街道,4,610599\n610599,某区,3,610500\n610598001,孤街,4,610598\n')).body;
  const path = `/api/imports/${tree.id}`;
  for (const [step, state] of [['check', 'checked'], ['run', 'done']]) {
    await post(steward, `${path}/${step}`);
    const r = await until(steward, path, [state, 'failed', 'stopped']);
    assert.equal(r.state, state, r.error);
    assert.equal(r.accepted, 3, `${step}: ${(await steward(`${path}/rejected`)).text}`);
    assert.equal(r.rejected, 1);
    assert.equal(r.waiting, 0);
  }
});

test('lines of JSON with lists, and GeoJSON: looked at, run, rejected ones shown as cells and corrected', async () => {
  const rows = [
    { no: 971, title: '第一个项目', orgs: ['WN-WXB', 'WN-SJJ'], zz: '多出来的一项' },
    { no: 972, title: '机构不存在', orgs: ['WN-WXB', 'NOWHERE'] },
    { no: 'x', title: '序号不是数', orgs: ['WN-WXB'] },
    { no: 973, title: '没有机构' },
  ];
  const body = `${rows.map((r) => JSON.stringify(r)).join('\n')}\n{"no": 974, "title": \n[1,2]\n`;
  const made = await upload(steward, 'project', 'projects.ndjson', body);
  assert.equal(made.status, 201, made.text);
  assert.equal(made.body.format, 'json');
  assert.deepEqual(made.body.columns.map((c) => [c.name, c.field]), [['no', 'no'], ['title', 'title'], ['orgs', 'orgs'], ['zz', null]]);
  const path = `/api/imports/${made.body.id}`;
  assert.equal((await post(steward, `${path}/run`)).status, 202);
  const done = await until(steward, path, ['done', 'failed', 'stopped']);
  assert.deepEqual([done.state, done.accepted, done.rejected], ['done', 2, 4], JSON.stringify(done));
  const bad = (await steward(`${path}/rejected`)).body.rows;
  assert.deepEqual(bad.map((r) => r.row), [2, 3, 5, 6]);
  assert.equal(bad[0].values.orgs, 'WN-WXB;NOWHERE');
  assert.match(bad[2].errors[0].reason, /JSON/);
  const retried = await post(steward, `${path}/retry`, { rows: [{ row: 2, values: { no: '972', title: '机构存在了', orgs: 'WN-WXB;WN-SJJ' } }, { row: 3, values: { no: '975', title: '序号是数', orgs: 'WN-WXB' } }] });
  assert.deepEqual(retried.body, { accepted: [2, 3], rejected: [] });
  const there = (await steward('/api/records/project?no=gt.970&select=no,orgs(code)&order=no')).body;
  assert.deepEqual(there.map((r) => [r.no, r.orgs.map((o) => o.code).sort().join()]), [[971, 'WN-SJJ,WN-WXB'], [972, 'WN-SJJ,WN-WXB'], [973, ''], [975, 'WN-WXB']]);

  const point = (code, coordinates) => ({ type: 'Feature', properties: { code, title: `${code} 号`, region: '610502' }, geometry: { type: 'Point', coordinates } });
  const places = { type: 'FeatureCollection', features: [point('GEO-1', [109.5, 34.5]), point('GEO-2', [500, 34.5]), { type: 'Feature', properties: { code: 'GEO-3', title: '没有位置', region: '610502' }, geometry: null }] };
  const map = await upload(steward, 'address', 'places.geojson', JSON.stringify(places));
  assert.equal(map.status, 201, map.text);
  assert.deepEqual(map.body.columns.map((c) => [c.name, c.field]), [['code', 'code'], ['title', 'title'], ['region', 'region'], ['geometry', 'location']]);
  assert.equal((await post(steward, `/api/imports/${map.body.id}/run`)).status, 202);
  const drawn = await until(steward, `/api/imports/${map.body.id}`, ['done', 'failed', 'stopped']);
  assert.deepEqual([drawn.state, drawn.accepted, drawn.rejected], ['done', 2, 1], JSON.stringify(drawn));
  assert.deepEqual((await steward('/api/records/address/GEO-1')).body.location, { type: 'Point', coordinates: [109.5, 34.5] });
});

test('refused: no right, no file, no entity, a broken workbook, an order too much', async () => {
  assert.equal((await upload(await city.as(null), 'project', 'a.csv', 'no,title\n1,x\n')).status, 401);
  assert.equal((await upload(await city.as('linwei'), 'project', 'a.csv', 'no,title\n1,x\n')).status, 403);
  assert.equal((await upload(await city.as('linwei'), 'legal_person', 'a.csv', 'x\n')).status, 403, 'may read, not create');
  assert.equal((await upload(steward, 'nothing', 'a.csv', 'x\n')).status, 404);
  assert.equal((await upload(steward, 'project', 'a.csv', '')).status, 400);
  const broken = await upload(steward, 'project', 'a.xlsx', Buffer.from('PK\x03\x04 is no archive'));
  assert.equal(broken.status, 400);
  assert.match(broken.body.detail, /xlsx/);
  const old = await upload(steward, 'project', 'a.xlsx', Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 1, 2, 3, 4]));
  assert.match(old.text, /密码|老格式/);
  const who = await city.as('auditor');
  assert.equal((await post(who, '/api/exports', { entity: 'project' })).status, 403);
  assert.equal((await post(steward, '/api/exports', { entity: 'project', query: 'titel=eq.x' })).status, 400);
  assert.equal((await post(steward, '/api/exports', { entity: 'indicator', format: 'geojson' })).status, 406);
  assert.equal((await post(steward, '/api/exports', { entity: 'project', format: 'pdf' })).status, 400);
});
