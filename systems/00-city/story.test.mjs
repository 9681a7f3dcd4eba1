// SPDX-License-Identifier: MulanPSL-2.0
// 城市基础库: from the province's business registrations as they come (24 yearly files, 20 spellings of an amount, damage of
// every kind) to companies in the register that a clerk finds, with every rejected row kept, corrected and taken in.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT, SHARED } from '../../tests/stories/city.mjs';

const FILES = join(SHARED, 'data/enterprise-registry-shaanxi');
const MAP = join(ROOT, 'systems/00-city/maps/enterprise-registry.yaml');
const there = existsSync(FILES);
let city;
const totals = { accepted: 0, rejected: 0 };
const rejectedFiles = [];

before(async () => (city = await City.make()));
after(() => city?.remove());

function outcome(r) {
  const m = r.out.match(/accepted (\d+), rejected (\d+)\s*$/);
  assert.ok(m, `last line of import: ${r.out}${r.err}`);
  const file = r.out.match(/rejected rows: (\S+)/)?.[1];
  return { accepted: Number(m[1]), rejected: Number(m[2]), file };
}

// Records of a rejected file: a small RFC 4180 reader, so that the test does not trust the program's own.
function csv(path) {
  const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  const rows = [];
  let row = [], cell = '', quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') (cell += '"'), i++;
      else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"') quoted = true;
    else if (c === ',') row.push(cell), (cell = '');
    else if (c === '\n') row.push(cell.replace(/\r$/, '')), rows.push(row), (row = []), (cell = '');
    else cell += c;
  }
  return rows;
}

test('the demo city has what the contract names', async () => {
  await city.serve();
  const steward = await city.as('steward');
  const count = async (q) => Number((await steward(`/api/records/${q}`, { headers: { prefer: 'count=exact' } })).headers.get('content-range').split('/')[1]);
  assert.equal(await count('region?level=eq.1&limit=1'), 31);
  assert.equal(await count('region?level=eq.2&limit=1'), 342);
  assert.equal(await count('region?level=eq.3&parent=eq.610500'), 11);
  assert.equal(await count('region?level=eq.4&code=like.6105*&limit=1'), 136);
  assert.equal(await count('region?level=eq.5&limit=1'), 2343);
  assert.equal(await count('project?limit=1'), 54);
  assert.equal(await count('indicator?limit=1'), 30);
  const people = (await steward('/api/records/person?select=id_no&limit=5', { headers: { 'X-Purpose': encodeURIComponent('核对登记信息') } })).body;
  assert.ok(people.every((p) => p.id_no.startsWith('610599')), 'only synthetic people');
  const [{ count: outlines }] = (await steward('/api/records/region?select=count()&area=not.is.null')).body;
  assert.equal(outlines, 12);
  await city.stop();
});

test('all 24 files go in; accepted + rejected = rows', { skip: !there }, async () => {
  const files = readdirSync(FILES).filter((f) => /\.csv(\.gz)?$/.test(f)).sort();
  assert.equal(files.length, 24);
  for (const f of files) {
    const r = await city.command('import', 'legal_person', join(FILES, f), '--map', MAP);
    const o = outcome(r);
    assert.equal(r.code, o.rejected ? 3 : 0, f);
    totals.accepted += o.accepted;
    totals.rejected += o.rejected;
    if (o.file) rejectedFiles.push(o.file);
  }
  // 30,823 rows have ten columns; four more are physical rows with a wrong number of columns.
  assert.equal(totals.accepted + totals.rejected, 30827);
  console.log(`# accepted ${totals.accepted}, rejected ${totals.rejected}`);
});

test('every kind of damage was found, each with field and reason', { skip: !there }, () => {
  const rows = [];
  for (const f of rejectedFiles) {
    const [head, ...body] = csv(f);
    const at = Object.fromEntries(head.map((h, i) => [h, i]));
    for (const r of body) rows.push({ file: f, columns: head.length, cells: r, field: r[at.field], reason: r[at.reason], row: r[at.row] });
  }
  assert.equal(rows.length, totals.rejected);
  assert.ok(rows.every((r) => r.reason && Number(r.row) > 1));
  const some = (p) => rows.filter(p).length;
  assert.equal(some((r) => /列/.test(r.reason) && r.field === ''), 4, 'rows with a wrong number of columns');
  assert.ok(some((r) => r.field === 'code' && /校验/.test(r.reason)) >= 1, 'a wrong check digit');
  assert.ok(some((r) => r.field === 'capital') >= 1, 'text in the amount column');
  assert.equal(some((r) => /转码/.test(r.reason)), 9, 'rows decoded with the wrong charset before they came to us');
});

test('the rejected file, corrected, goes in', { skip: !there }, async () => {
  const file = rejectedFiles.find((f) => csv(f).some((r) => r.includes('code')));
  const [head, ...body] = csv(file);
  const at = Object.fromEntries(head.map((h, i) => [h, i]));
  const fixed = body.find((r) => r[at.field] === 'code');
  // the check digit as the register itself would have it
  const alphabet = '0123456789ABCDEFGHJKLMNPQRTUWXY', weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
  const code = fixed[at['统一社会信用代码']];
  const sum = weights.reduce((s, w, i) => s + w * alphabet.indexOf(code[i]), 0);
  fixed[at['统一社会信用代码']] = code.slice(0, 17) + alphabet[(31 - (sum % 31)) % 31];
  const path = join(city.dir, 'corrected.csv');
  const line = (r) => r.map((c) => `"${c.replaceAll('"', '""')}"`).join(',') + '\r\n';
  writeFileSync(path, '\uFEFF' + line(head) + line(fixed));
  const o = outcome(await city.command('import', 'legal_person', path, '--map', MAP));
  assert.deepEqual([o.accepted, o.rejected], [1, 0]);
});

test('amounts are whole yuan, currencies kept, places resolved; history tells who', { skip: !there }, async () => {
  await city.serve();
  const steward = await city.as('steward');
  const [ankang] = (await steward('/api/records/legal_person?code=eq.91610902222948577U&select=*,region(title,parent(title))')).body;
  assert.equal(ankang.title, '安康市永丰鞋帽有限公司');
  assert.equal(ankang.capital, '380000.00');
  assert.equal(ankang.currency, 'CNY');
  assert.equal(ankang.established_on, '1999-01-01');
  assert.match(ankang.legal_rep, /^.\*+$/, 'the legal representative is masked');
  assert.deepEqual(ankang.region, { title: '安康市', parent: { title: '陕西省' } });
  const currencies = (await steward('/api/records/legal_person?select=currency,n:count()&capital=not.is.null&order=currency')).body;
  assert.ok(currencies.length > 3 && currencies.some((c) => c.currency === 'USD'));
  const weinan = (await steward('/api/records/legal_person?select=count()&region=like.6105*&established_on=lte.2003-12-31&created=x')).status;
  assert.equal(weinan, 400, 'an unknown field is refused, not ignored');
  const history = (await steward('/api/records/legal_person/91610902222948577U/history')).body;
  assert.equal(history[0].op, 'insert');
  assert.equal(history[0].actor, 'system');
  assert.match(history[0].digest, /^[0-9a-f]{64}$/);
  await city.stop();
  const v = await city.command('verify');
  assert.equal(v.code, 0, v.out + v.err);
});

test('while the city runs, other commands say so and change nothing', async () => {
  await city.serve();
  const r = await city.command('import', 'region', join(ROOT, 'systems/00-city/data/region.csv'));
  assert.equal(r.code, 1);
  assert.match(r.err, /运行/);
  await city.stop();
});
