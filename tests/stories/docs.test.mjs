// SPDX-License-Identifier: MulanPSL-2.0
// The examples of the documents run as they stand.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { BIN, City, ROOT, chengshu } from './city.mjs';

let city, packs;
const blocks = (file, language) =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(new RegExp('```' + language + '\\n([\\s\\S]*?)```', 'g'))].map((m) => m[1]);

// Without pipefail: a `grep -q` that has found its line leaves, and curl, still writing, fails.
const SHELL = 'set -eu';

before(async () => {
  packs = mkdtempSync(join(tmpdir(), 'chengshu-packs-'));
  cpSync(join(ROOT, 'systems'), packs, { recursive: true });
  for (const text of ['docs/packs.md', 'docs/indicators.md'].flatMap((f) => blocks(f, 'yaml'))) {
    const path = join(packs, text.match(/^# (\S+)/)[1]);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  city = await City.make({ systems: packs });
  await city.serve();
  const steward = await city.as('steward');
  for (let i = 0; i < 600; i++) { // a reader of the documents comes later than the search index
    const { counts } = (await steward(`/api/search?q=${encodeURIComponent('渭')}`)).body;
    if (counts.length && counts.every((c) => c.indexed === undefined)) break;
    await new Promise((done) => setTimeout(done, 100));
  }
});
after(async () => {
  await city?.remove();
  rmSync(packs, { recursive: true, force: true });
});

for (const file of ['docs/records.md', 'docs/indicators.md'])
  test(`${file}: every shell block`, () => {
    const script = [SHELL, ...blocks(file, 'sh')].join('\n');
    execFileSync('bash', ['-c', script], { env: { ...process.env, BASE: city.url }, stdio: ['ignore', 'pipe', 'inherit'] });
  });

test('docs/indicators.md: an alarm on an indicator is a reaction like any other', async () => {
  const steward = await city.as('steward');
  for (let i = 0; i < 600; i++) {
    const items = (await steward('/api/inbox')).body;
    if (items.some((m) => /亮灯率只有 66\.67%/.test(m.title))) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail((await steward('/api/inbox')).text);
});

test('docs/import.md: every shell block', () => {
  const script = [SHELL, ...blocks('docs/import.md', 'sh')].join('\n');
  execFileSync('bash', ['-c', script], { env: { ...process.env, BASE: city.url, TMP: packs }, stdio: ['ignore', 'pipe', 'inherit'] });
});

// The backups of operations.md are written for SQLite; on PostgreSQL tests/stories/backup.test.mjs shows them.
for (const [file, skip] of [['docs/journal.md', false], ['docs/operations.md', (process.env.STORY_DB ?? 'sqlite') !== 'sqlite']])
  test(`${file}: every shell block`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'chengshu-docs-'));
    const script = [SHELL, 'chengshu() { "$BIN" "$@"; }', ...blocks(file, 'sh')].join('\n');
    try {
      execFileSync('bash', ['-c', script], { cwd: ROOT, env: { ...process.env, BIN, CITY: city.dir, TMP: folder }, stdio: ['ignore', 'pipe', 'inherit'] });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

test('docs/packs.md: the pack checks, serves, computes and refuses', async () => {
  assert.equal((await chengshu(['check', packs])).code, 0);
  const steward = await city.as('steward');
  const made = await steward('/api/records/old_tree', {
    method: 'POST',
    json: { code: 'WN0001', species: '侧柏', girth: 412.5, region: '610502', place: { type: 'Point', coordinates: [109.5, 34.5] } },
    headers: { prefer: 'return=representation' },
  });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.body[0].grade, '一级');
  const wrong = await steward('/api/records/old_tree', { method: 'POST', json: { code: 'WN0002', species: '槐', region: '610100' } });
  assert.equal(wrong.status, 422);
  assert.equal(wrong.body.pointer, '/region');
  assert.equal(wrong.body.detail, '只登记本市的古树');
});

test('docs/packs.md: the pages of the pack are there, and their charts answer', async () => {
  const steward = await city.as('steward'), pages = (await steward('/api/pages')).body.filter((p) => p.system === 'trees');
  assert.deepEqual(pages.map((p) => [p.page, p.kind]), [['old_trees', 'board'], ['big_trees', 'map']]);
  const answers = await Promise.all(pages[0].charts.map((c) => steward(`/api/records/${c.entity}?${c.query}`)));
  assert.deepEqual(answers.map((r) => r.body), [[{ n: 1 }], [{ species: '侧柏', n: 1 }], [{ species: '侧柏', mean: 412.5 }]]);
});

test('the command line: wrong use says how it is used', async () => {
  const r = await chengshu(['import', '--data']);
  assert.equal(r.code, 2);
  assert.match(r.err, /用法/);
  assert.equal((await chengshu(['nothing'])).code, 2);
  assert.equal((await chengshu(['serve', '--data', '/nonexistent/city'])).code, 1);
});
