// SPDX-License-Identifier: MulanPSL-2.0
// Backup while the city works, an increment, the loss of everything, and the city as it was: every write that was answered before the backup began is
// there, files open, the journal's head is the one that was printed. Damaged and incomplete backups are refused before anything is made.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { chengshu, City } from './city.mjs';

const run = promisify(execFile);
const postgres = process.env.STORY_DB === 'postgres';
const folder = mkdtempSync(join(tmpdir(), 'chengshu-backups-'));
const at = (name) => join(folder, name);
let city, steward, fresh, full, second, fileId;

before(async () => {
  city = await City.make();
  await city.serve();
  steward = await city.as('steward');
});
after(async () => {
  await city?.remove();
  await fresh?.drop?.();
  rmSync(folder, { recursive: true, force: true });
});

const insert = (no) => steward('/api/records/project', { method: 'POST', json: { no, title: `备份 ${no}` } });
const head = (out) => out.match(/日志头 (\d+ [0-9a-f]{64})/)[1];
const chunks = (out) => out.match(/数据库 (\d+) 块（新 (\d+) 块）/).slice(1).map(Number);

test('a full backup beside 16 writers', async () => {
  const upload = await steward('/api/files?name=plan.txt', { method: 'POST', body: '规划文本'.repeat(5000), headers: { 'content-type': 'text/plain' } });
  assert.equal(upload.status, 201, upload.text);
  fileId = upload.body.id;
  const answered = new Set();
  let no = 700000, stop = false;
  const writers = Array.from({ length: 16 }, async () => {
    while (!stop) {
      const mine = no++;
      const r = await insert(mine);
      assert.equal(r.status, 201, r.text);
      answered.add(mine);
    }
  });
  while (answered.size < 60) await new Promise((done) => setTimeout(done, 10));
  full = { before: new Set(answered) };
  const made = await city.command('backup', at('full.zip'), '--check');
  stop = true;
  await Promise.all(writers);
  assert.equal(made.code, 0, made.err);
  assert.ok(answered.size > full.before.size, `${full.before.size} before, ${answered.size} in all: writes went on`);
  full.head = head(made.out);
  assert.match(made.out, /已试着恢复并核对/);
  assert.equal(statSync(at('full.zip')).mode & 0o77, 0, 'nobody else may read it');
  const [all, written] = chunks(made.out);
  assert.ok(all > 50 && written <= all);
  const listed = (await run('python3', ['-m', 'zipfile', '-l', at('full.zip')])).stdout;
  assert.match(listed, /manifest\.json/);
  assert.doesNotMatch(listed, /keys\//);
  assert.doesNotMatch(readFileSync(at('full.zip'), 'latin1'), /PRIVATE KEY/);
});

test('an increment holds only what is new', async () => {
  const quiet = await city.command('backup', at('quiet.zip'), '--base', at('full.zip'));
  assert.equal(quiet.code, 0, quiet.err);
  for (let no = 800000; no < 800005; no++) assert.equal((await insert(no)).status, 201);
  const made = await city.command('backup', at('second.zip'), '--base', at('quiet.zip'));
  assert.equal(made.code, 0, made.err);
  second = { head: head(made.out) };
  const [all, fresh] = chunks(made.out);
  assert.ok(fresh > 0 && fresh < all / 3, `${fresh} of ${all} pieces are new`);
  assert.ok(statSync(at('second.zip')).size < statSync(at('full.zip')).size / 3);
  assert.equal((await city.command('backup', at('second.zip'))).code, 1, 'an old backup is never overwritten');
});

test('damage, a missing base, another city, a folder in use: refused with words, nothing is made', async () => {
  const bytes = readFileSync(at('full.zip'));
  const target = () => ['--data', at('never'), ...(postgres ? ['--db', city.db] : [])];
  for (const [name, change] of [
    ['flipped', (b) => { b[Math.floor(b.length / 3)] ^= 1; return b; }],
    ['tail', (b) => { b[b.length - 3] ^= 1; return b; }],
    ['cut', (b) => b.subarray(0, b.length - 1000)],
    ['empty', () => Buffer.alloc(0)],
    ['other', () => Buffer.from('hello')],
  ]) {
    writeFileSync(at(`${name}.zip`), change(Buffer.from(bytes)));
    const r = await chengshu(['restore', at(`${name}.zip`), ...target()]);
    assert.equal(r.code, 1, name);
    assert.match(r.err, /备份/, name);
    assert.ok(!existsSync(at('never')) && !existsSync(at('never.restoring')), name);
  }
  cpSync(at('second.zip'), at('elsewhere.zip'));
  const alone = mkdtempSync(join(tmpdir(), 'chengshu-alone-'));
  cpSync(at('second.zip'), join(alone, 'second.zip'));
  const r = await chengshu(['restore', join(alone, 'second.zip'), ...target()]);
  assert.match(r.err, /底本.*quiet\.zip/);
  rmSync(alone, { recursive: true });
  const used = await chengshu(['restore', at('full.zip'), '--data', city.dir, ...(postgres ? ['--db', city.db] : [])]);
  assert.equal(used.code, 1);
  assert.match(used.err, /已经有东西/);
  if (postgres) {
    const taken = await chengshu(['restore', at('full.zip'), ...target()]);
    assert.match(taken.err, /不是空的/);
    assert.ok(!existsSync(at('never')));
  }
});

test('everything is lost; the increment brings it back', async () => {
  const keys = at('keys');
  await city.stop();
  cpSync(join(city.dir, 'keys'), keys, { recursive: true });
  rmSync(city.dir, { recursive: true });
  if (postgres) {
    fresh = { name: `story_restored_${process.pid}` };
    await run('psql', [process.env.CHENGSHU_TEST_PG, '-qc', `create database ${fresh.name}`]);
    const url = new URL(process.env.CHENGSHU_TEST_PG);
    url.pathname = `/${fresh.name}`;
    fresh.drop = () => run('psql', [process.env.CHENGSHU_TEST_PG, '-qc', `drop database ${fresh.name} with (force)`]);
    await city.database.drop();
    city.database.drop = async () => {};
    city.db = url.href;
  }
  const back = await chengshu(['restore', at('second.zip'), '--data', city.dir, ...(postgres ? ['--db', city.db] : [])]);
  assert.equal(back.code, 0, back.err);
  assert.match(back.out, /keys\/seal-1\.pem/, 'says which keys to bring');
  assert.equal(head(back.out), second.head);
  cpSync(keys, join(city.dir, 'keys'), { recursive: true });
  const verified = await city.command('verify');
  assert.equal(verified.code, 0, verified.err);
  assert.equal(head(verified.out), second.head);
  await city.serve();
  steward = await city.as('steward');
  const there = new Set((await steward('/api/records/project?no=gte.700000&select=no&limit=10000')).body.map((r) => r.no));
  assert.deepEqual([...full.before].filter((n) => !there.has(n)), [], 'answered before the backup, so in it');
  for (let no = 800000; no < 800005; no++) assert.ok(there.has(no));
  const file = await steward(`/api/files/${fileId}`);
  assert.equal(file.status, 200);
  assert.equal(file.text, '规划文本'.repeat(5000));
  assert.equal((await insert(900000)).status, 201, 'the city goes on');
});
