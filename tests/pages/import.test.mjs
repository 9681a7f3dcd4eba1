// SPDX-License-Identifier: MulanPSL-2.0
// The import wizard: a GB18030 file with bad rows is recognised, tried, run; refused rows are corrected in the grid; the list
// goes out as a workbook and comes in again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page, faults } from './page.mjs';

let p, dir;
before(async () => { p = await Page.open(); dir = mkdtempSync(join(tmpdir(), 'chengshu-import-')); });
after(async () => { await p?.close(); rmSync(dir, { recursive: true, force: true }); });

const gb18030 = (text) => execFileSync('iconv', ['-f', 'UTF-8', '-t', 'GB18030'], { input: text });

test('GB18030 with bad rows: recognised, tried, run, two corrected in the grid, the rest stays', async () => {
  const lines = ['序号,项目名称,状态,进度,不认识的列'];
  for (let i = 0; i < 300; i++) lines.push(`${8000 + i},试验项目${i},,${i % 100},x`);
  lines[11] = '8010,试验项目10,,一半,x';
  lines[22] = '8021,短,,20,x';
  lines[33] = '没有序号,试验项目32,,20,x';
  const file = join(dir, '项目.csv');
  writeFileSync(file, gb18030(`${lines.join('\r\n')}\r\n`));
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/project');
  await page.click('.head >> text=导入');
  await page.setInputFiles('#file', file);
  await page.waitForSelector('text=文件里的列对应哪个字段');
  assert.equal(await page.inputValue('.about select >> nth=0'), 'GB18030');
  assert.doesNotMatch(await page.textContent('.about'), /NaN|undefined/);
  assert.ok(await page.isChecked('input[value=insert]'));
  assert.equal(await page.inputValue('[aria-label="项目名称 对应的字段"]'), 'title');
  assert.equal(await page.inputValue('[aria-label="不认识的列 对应的字段"]'), '（不导入）');
  assert.deepEqual(await faults(page), []);
  await page.click('text=试运行（不保存）');
  await page.waitForSelector('text=试运行完成：可以收 297 行，将退回 3 行');
  assert.deepEqual(await faults(page), []);
  assert.equal((await (await p.city.as('steward'))('/api/records/project?no=gte.8000&select=no')).body.length, 0, 'a try keeps nothing');
  await page.click('text=导入 297 行');
  await page.waitForSelector('text=导入完成：收下 297 行，退回 3 行');
  await page.fill('[aria-label="第 12 行 进度"]', '50');
  await page.fill('[aria-label="第 23 行 项目名称"]', '不短的项目');
  await page.click('text=重新提交改好的 2 行');
  await page.waitForSelector('text=退回的 1 行');
  assert.deepEqual(await faults(page), []);
  const rows = (await (await p.city.as('steward'))('/api/records/project?no=gte.8000&select=no,title,progress&order=no&limit=500')).body;
  assert.equal(rows.length, 299);
  assert.deepEqual(rows.find((r) => r.no === 8010), { no: 8010, title: '试验项目10', progress: 50 });
  await page.goto(`${p.city.url}/desk/jobs`);
  await page.waitForSelector('tbody >> text=收 299，退 1');
  assert.deepEqual(page.errors, []);
});

test('the list as a workbook, with progress; the same workbook comes in again', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/project?f=no.lte.54');
  await page.waitForSelector('tbody tr[data-id]');
  await page.click('button:has-text("导出")');
  await page.check('text=全部字段');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('.pop-box .btn.primary')]);
  const file = join(dir, 'out.xlsx');
  await download.saveAs(file);
  assert.equal(readFileSync(file).subarray(0, 2).toString(), 'PK');
  await page.waitForSelector('text=完成，54 行');
  const before = (await (await p.city.as('steward'))('/api/records/project?no=lte.54&order=no')).body;
  await page.goto(`${p.city.url}/desk/e/project/import`);
  await page.setInputFiles('#file', file);
  await page.waitForSelector('text=文件里的列对应哪个字段');
  await page.check('input[value=upsert]');
  await page.click('text=试运行（不保存）');
  await page.waitForSelector('text=/可以收 54 行，将退回 0 行/');
  await page.click('text=导入 54 行');
  await page.waitForSelector('text=/收下 54 行，退回 0 行/');
  assert.deepEqual((await (await p.city.as('steward'))('/api/records/project?no=lte.54&order=no')).body, before);
  assert.deepEqual(page.errors, []);
});

test('a file that is none is refused in words', async () => {
  const page = await p.window();
  const file = join(dir, 'broken.xlsx');
  writeFileSync(file, 'PK\x03\x04 this is no workbook');
  await p.signIn(page, 'steward', '/desk/e/project/import');
  await page.setInputFiles('#file', file);
  await page.waitForSelector('.note.bad');
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors.filter((e) => !/4\d\d/.test(e)), []);
});
