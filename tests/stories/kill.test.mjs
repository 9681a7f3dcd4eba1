// SPDX-License-Identifier: MulanPSL-2.0
// kill -9 under concurrent writes, KILL_ROUNDS times (default 50): every write that was answered is there afterwards,
// and `verify` finds everything whole.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { City } from './city.mjs';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 50);
const WRITERS = 32;
let city, token;
const answered = new Set();

before(async () => {
  city = await City.make();
  await city.serve();
  token = await city.signIn('steward');
});
after(() => city?.remove());

const call = (path, options = {}) =>
  fetch(city.url + path, { ...options, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...options.headers } });

// Writes until the server is gone; only what was answered with 201 counts.
async function writer(next) {
  for (;;) {
    const no = next();
    try {
      const r = await call('/api/records/project', { method: 'POST', body: JSON.stringify({ no, title: `第 ${no} 项`, orgs: ['WN-WXB'] }) });
      if (r.status !== 201) throw new Error(`${r.status} ${await r.text()}`);
      await r.arrayBuffer();
      answered.add(no);
    } catch (e) {
      if (e instanceof TypeError) return; // the connection broke: the server was killed
      throw e;
    }
  }
}

test(`${ROUNDS} kills`, async () => {
  let no = 100000;
  const restarts = [];
  for (let round = 0; round < ROUNDS; round++) {
    const writers = Array.from({ length: WRITERS }, () => writer(() => no++));
    await new Promise((done) => setTimeout(done, 30 + Math.random() * 300));
    await city.stop('SIGKILL');
    await Promise.all(writers);
    const t = performance.now();
    await city.serve();
    restarts.push(performance.now() - t);
    const there = new Set();
    for (let offset = 0; ; offset += 10000) {
      const page = await (await call(`/api/records/project?no=gte.100000&select=no,orgs&order=no&offset=${offset}&limit=10000`)).json();
      for (const row of page) if (row.orgs.length === 1) there.add(row.no);
      if (page.length < 10000) break;
    }
    const lost = [...answered].filter((n) => !there.has(n));
    assert.deepEqual(lost, [], `round ${round}: answered writes are gone`);
  }
  assert.ok(answered.size > ROUNDS * 10, `only ${answered.size} writes were answered`);
  restarts.sort((a, b) => a - b);
  console.log(`# ${answered.size} answered writes, restart median ${restarts[restarts.length >> 1].toFixed(0)} ms, max ${restarts.at(-1).toFixed(0)} ms`);
  await city.stop();
  const verified = await city.command('verify');
  assert.equal(verified.code, 0, verified.err);
});
