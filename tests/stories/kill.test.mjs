// SPDX-License-Identifier: MulanPSL-2.0
// kill -9 under concurrent writes: every write that was answered is there afterwards, and `verify` finds everything whole. On SQLite our server is
// killed KILL_ROUNDS times (default 200); on PostgreSQL ours (default 50) and then PostgreSQL's own while ours goes on (default 50).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { City, ROOT } from './city.mjs';

const run = promisify(execFile);
const postgres = process.env.STORY_DB === 'postgres';
const ROUNDS = Number(process.env.KILL_ROUNDS ?? (postgres ? 50 : 200));
const WRITERS = 32, FIRST = 100000;
const pgtest = (what, port) => run(join(ROOT, 'tools/pgtest'), [what, pg], { env: { ...process.env, ...(port && { PGTEST_PORT: port }) } });
let city, token, pg, no = FIRST;
const answered = new Set();

before(async () => {
  if (postgres) { // a cluster of its own: it will be killed
    pg = mkdtempSync(join(tmpdir(), 'chengshu-kill-'));
    chmodSync(pg, 0o755);
    process.env.CHENGSHU_TEST_PG = (await pgtest('start')).stdout.trim();
  }
  city = await City.make();
  await city.serve();
  token = await city.signIn('steward');
});
after(async () => {
  await city?.stop();
  if (!pg) return city?.remove();
  await pgtest('stop').catch(() => {});
  for (const dir of [pg, city?.dir]) if (dir) rmSync(dir, { recursive: true, force: true });
});

const call = (path, options = {}) =>
  fetch(city.url + path, { ...options, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...options.headers } });

// Writes until our server is gone, or until {stop} says so; only what was answered with 201 counts. While the database is away, 503 is an answer.
async function writer(stop) {
  while (!stop?.()) {
    const mine = no++;
    try {
      const r = await call('/api/records/project', { method: 'POST', body: JSON.stringify({ no: mine, title: `第 ${mine} 项`, orgs: ['WN-WXB'] }) });
      const text = await r.text();
      if (r.status === 201) answered.add(mine);
      else if (!stop || r.status !== 503) throw new Error(`${r.status} ${text}`);
      else await new Promise((done) => setTimeout(done, 5));
    } catch (e) {
      if (e instanceof TypeError && !stop) return; // the connection broke: our server was killed
      throw e;
    }
  }
}

// What was answered from `from` on and is not there.
async function lost(from) {
  const there = new Set();
  for (let above = from - 1; ;) {
    const page = await (await call(`/api/records/project?no=gt.${above}&select=no,orgs&order=no&limit=10000`)).json();
    for (const row of page) if (row.orgs.length === 1) there.add(row.no);
    if (page.length < 10000) break;
    above = page.at(-1).no;
  }
  return [...answered].filter((n) => n >= from && !there.has(n));
}

const pause = () => new Promise((done) => setTimeout(done, 20 + Math.random() * 160));
const summary = (what, times) => {
  times.sort((a, b) => a - b);
  console.log(`# ${what}: ${answered.size} answered writes, back after ${times[times.length >> 1].toFixed(0)} ms (median), ${times.at(-1).toFixed(0)} ms (longest)`);
};

test(`our server, ${ROUNDS} kills`, async () => {
  const restarts = [];
  for (let round = 0; round < ROUNDS; round++) {
    const from = no;
    const writers = Array.from({ length: WRITERS }, () => writer());
    await pause();
    await city.stop('SIGKILL');
    await Promise.all(writers);
    const t = performance.now();
    await city.serve();
    restarts.push(performance.now() - t);
    assert.deepEqual(await lost(from), [], `round ${round}: answered writes are gone`);
  }
  assert.ok(answered.size > ROUNDS * 2, `only ${answered.size} writes were answered`);
  summary('our server killed', restarts);
});

const SERVER_ROUNDS = Number(process.env.KILL_ROUNDS ?? 50);
test(`PostgreSQL's server, ${SERVER_ROUNDS} kills; ours goes on by itself`, { skip: !postgres }, async () => {
  const port = new URL(process.env.CHENGSHU_TEST_PG).port, away = [];
  for (let round = 0; round < SERVER_ROUNDS; round++) {
    const from = no;
    let stop = false;
    const writers = Array.from({ length: WRITERS }, () => writer(() => stop));
    await pause();
    const before = answered.size, t = performance.now();
    await pgtest('kill');
    await pgtest('start', port);
    for (let i = 0; answered.size <= before + WRITERS && i < 3000; i++) await new Promise((done) => setTimeout(done, 5));
    away.push(performance.now() - t);
    stop = true;
    await Promise.all(writers);
    assert.ok(answered.size > before, `round ${round}: nothing was answered after the restart`);
    assert.deepEqual(await lost(from), [], `round ${round}: answered writes are gone`);
  }
  summary('PostgreSQL killed', away);
});

test('everything is whole at the end', async () => {
  assert.deepEqual(await lost(FIRST), []);
  await city.stop();
  const verified = await city.command('verify');
  assert.equal(verified.code, 0, verified.err);
  console.log(`# ${verified.out.split('\n')[1]}`);
});
