// SPDX-License-Identifier: MulanPSL-2.0
// A full disk, a failing one, one turned read-only, a database that is away or full of others, a clock that jumps: writes are refused with words (507,
// 503), reads go on, nothing half-written stays, and when the trouble ends writes go on by themselves. The disk's faults are made by a library under our
// server (tests/unit/faultlib.c), for the files of the data folder only.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { BIN, City, ROOT } from './city.mjs';

const run = promisify(execFile);
const postgres = process.env.STORY_DB === 'postgres';
const pgtest = (what, port) => run(join(ROOT, 'tools/pgtest'), [what, pg], { env: { ...process.env, ...(port && { PGTEST_PORT: port }) } });
let city, steward, pg, control, no = 600000;
const answered = new Set();

before(async () => {
  if (postgres) {
    pg = mkdtempSync(join(tmpdir(), 'chengshu-fault-'));
    chmodSync(pg, 0o755);
    process.env.CHENGSHU_TEST_PG = (await pgtest('start')).stdout.trim();
  }
  city = await City.make();
  control = `${city.dir}.fault`;
  writeFileSync(control, '');
  city.env = { LD_PRELOAD: join(dirname(BIN), 'tests/unit/fault.so'), FAULT_DIR: `${city.dir}/`, FAULT_FILE: control };
  await city.serve();
  steward = await city.as('steward');
});
after(async () => {
  await city?.stop();
  if (pg) await pgtest('stop').catch(() => {});
  if (!pg) await city?.remove();
  for (const path of [pg, city?.dir, control]) if (path) rmSync(path, { recursive: true, force: true });
});

const fail = (what) => writeFileSync(control, what);
const health = async () => (await fetch(`${city.url}/healthz`)).json();
async function insert() {
  const mine = no++;
  const r = await steward('/api/records/project', { method: 'POST', json: { no: mine, title: `故障 ${mine}`, content: 'x'.repeat(3000) } });
  if (r.status === 201) answered.add(mine);
  return r;
}
const upload = () => steward('/api/files?name=a.txt', { method: 'POST', body: `${'上传'.repeat(20000)}${no++}`, headers: { 'content-type': 'text/plain' } });
const problem = (r, status) => {
  assert.equal(r.status, status, r.text);
  assert.match(r.headers.get('content-type'), /problem\+json/);
  assert.ok(Number(r.headers.get('retry-after')) > 0);
  assert.ok(r.body.detail.length > 5);
};

// Writes until one is answered; fails after a minute.
async function recovers() {
  const until = performance.now() + 60000;
  for (;;) {
    const r = await insert();
    if (r.status === 201) break;
    assert.ok(performance.now() < until, r.text);
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.equal((await health()).writes, 'ok');
}

async function whole() {
  const there = new Set((await steward('/api/records/project?no=gte.600000&select=no&limit=10000')).body.map((r) => r.no));
  assert.deepEqual([...answered].filter((n) => !there.has(n)), [], 'answered and gone');
  assert.deepEqual([...there].filter((n) => !answered.has(n)), [], 'refused and there');
}

const disk = { skip: postgres ? 'the database is not in the data folder' : false };
for (const [what, title, status, says] of [['full', 'a full disk', 507, 'full'], ['half', 'a disk that becomes full in the middle of a write', 507, 'full'], ['io', 'a disk with I/O errors', 503, 'failing'], ['fsync', 'a disk that cannot sync', 503, 'failing'], ['readonly', 'a disk turned read-only', 503, 'failing']])
  test(`${title}: writes are refused with ${status}, reads go on, writes come back by themselves`, disk, async () => {
    await recovers();
    fail(what);
    const many = await Promise.all(Array.from({ length: 20 }, insert));
    for (const r of many) problem(r, status);
    if (what === 'full') assert.match(many[0].body.detail, /磁盘满了/);
    assert.equal((await steward('/api/records/project?limit=20')).status, 200, 'reads go on');
    assert.equal((await health()).writes, says);
    assert.match(await (await fetch(`${city.url}/metrics`)).text(), /chengshu_store_failed_writes_total [1-9]/);
    fail('');
    await recovers();
    await whole();
  });

test('uploads on a full disk: 507, and nothing is left behind', async () => {
  const fits = await upload();
  assert.equal(fits.status, 201, fits.text);
  for (const [what, status] of [['full', 507], ['io', 503], ['readonly', 503]]) {
    fail(what);
    problem(await upload(), status);
    fail('');
    assert.deepEqual(readdirSync(join(city.dir, 'blobs/tmp')), [], what);
  }
  assert.equal((await upload()).status, 201);
});

test('a file to import on a full or failing disk: 507 or 503, and nothing is left behind', async () => {
  const send = () => steward('/api/imports?entity=project&name=p.csv', { method: 'POST', body: `no,title\n${no++},导入\n`.repeat(3000), headers: { 'content-type': 'application/octet-stream' } });
  const files = () => readdirSync(join(city.dir, 'jobs')).length;
  assert.equal((await send()).status, 201);
  const before = files();
  for (const [what, status] of [['full', 507], ['half', 507], ['io', 503], ['fsync', 503]]) {
    fail(what);
    problem(await send(), status);
    fail('');
    assert.equal(files(), before, what);
  }
  assert.equal((await send()).status, 201);
  await recovers();
});

test('PostgreSQL stops, dies and comes back: 503, then as before without anybody', { skip: !postgres }, async () => {
  const port = new URL(process.env.CHENGSHU_TEST_PG).port;
  for (const how of ['stop', 'kill']) {
    await pgtest(how);
    const began = performance.now();
    problem(await insert(), 503);
    assert.ok(performance.now() - began < 60000, 'does not hang');
    const h = await fetch(`${city.url}/healthz`);
    assert.equal(h.status, 503);
    assert.equal((await h.json()).database, 'unavailable');
    await pgtest('start', port);
    await recovers();
    await whole();
  }
});

test('no connection left at PostgreSQL: 503 or an answer, in bounded time', { skip: !postgres }, async () => {
  const url = process.env.CHENGSHU_TEST_PG;
  await recovers();
  const held = Array.from({ length: 197 } /* of the 200 that tools/pgtest allows */, () => run('psql', [url, '-qc', 'select pg_sleep(4)']).catch(() => {}));
  await new Promise((done) => setTimeout(done, 1500));
  const began = performance.now();
  const many = await Promise.all(Array.from({ length: 40 }, insert));
  assert.ok(performance.now() - began < 60000, 'does not hang');
  for (const r of many) assert.ok(r.status === 201 || r.status === 503, r.text);
  await Promise.all(held);
  await recovers();
  await whole();
});

test('the clock jumps a day ahead and an hour back: order stays, work goes on', async () => {
  const auditor = await city.as('auditor');
  const seq = async () => (await auditor('/api/journal?order=desc&limit=1')).body[0].seq;
  let before = await seq();
  for (const jump of ['clock 86400', 'clock -3600', '']) {
    fail(jump);
    for (let i = 0; i < 3; i++) {
      const r = await insert();
      if (r.status === 401) steward = await city.as('steward'); // a day is longer than a session
      else assert.equal(r.status, 201, r.text);
    }
    assert.equal((await steward('/api/records/project?limit=1')).status, 200);
    await new Promise((done) => setTimeout(done, 1500)); // the clock is looked at once a second
  }
  const jumps = city.log.split('\n').filter((l) => l.includes('"clock jump"')).map((l) => Math.round(Number(JSON.parse(l).seconds)));
  assert.deepEqual(jumps, [86400, -90000, 3600], 'each jump is in the log');
  assert.match(await (await fetch(`${city.url}/metrics`)).text(), /chengshu_clock_jumps_total 3\n/);
  for (const user of ['auditor', 'steward']) assert.ok(await city.signIn(user));
  const now = (await (await city.as('auditor'))('/api/journal?order=desc&limit=100')).body.map((e) => e.seq);
  assert.ok(now[0] > before);
  assert.deepEqual(now, [...now].sort((a, b) => b - a), 'numbers ascend whatever the clock says');
  // What was written is sealed, also by checkpoints whose times go back.
  for (let i = 0; i < 60; i++) {
    const r = await (await city.as('auditor'))(`/api/journal/${now[0]}/proof`);
    if (r.status === 200) break;
    assert.ok(i < 59, r.text);
    await new Promise((done) => setTimeout(done, 200));
  }
  await whole();
});

test('everything is whole at the end', async () => {
  fail('');
  await city.stop();
  const verified = await city.command('verify');
  assert.equal(verified.code, 0, verified.err);
});
