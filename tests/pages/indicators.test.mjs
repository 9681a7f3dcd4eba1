// SPDX-License-Identifier: MulanPSL-2.0
// Indicators on the desk and on the wall: a value opens into exactly its rows; one changed record shows on an open board within
// a second; what has no source says so; a reported value with its evidence; the wall at four shapes.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page, faults } from './page.mjs';

let p, dir;
before(async () => { p = await Page.open(); dir = mkdtempSync(join(tmpdir(), 'chengshu-ind-')); });
after(async () => { await p?.close(); rmSync(dir, { recursive: true, force: true }); });

test('a value opens into exactly the rows it was made of', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/indicators/legal_person_total');
  await page.waitForFunction(() => /^\d+$/.test(document.querySelector('#value')?.textContent.replace(/,/g, '') ?? ''));
  const value = Number((await page.textContent('#value')).replace(/,/g, ''));
  assert.deepEqual(await faults(page), []);
  await page.click('text=打开构成这个数的记录');
  await page.waitForFunction(() => /\d 条/.test(document.querySelector('#count')?.textContent ?? ''));
  assert.equal(Number((await page.textContent('#count')).replace(/\D/g, '')), value);
  assert.deepEqual(page.errors, []);
});

test('one changed record: the open board and the wall follow', async () => {
  const board = await p.window(), wall = await p.window({ width: 1920, height: 1080 });
  await p.signIn(board, 'leader', '/desk/indicators');
  await wall.context().request.post(`${p.city.url}/api/session`, { data: { user: 'leader', password: 'Demo@2025' } });
  await wall.goto(`${p.city.url}/screen`);
  const shown = (page, sel) => page.waitForFunction((s) => /\d/.test(document.querySelector(s)?.textContent ?? ''), sel);
  await shown(board, '[data-indicator=legal_person_total] .value');
  await shown(wall, '[data-indicator=legal_person_total] b');
  await board.waitForTimeout(1500); // the first computation is over
  const number = async (page, sel) => Number((await page.textContent(sel)).replace(/[^\d.]/g, ''));
  const before = await number(board, '[data-indicator=legal_person_total] .value');
  const steward = await p.city.as('steward');
  const states = (await steward('/api/entities/legal_person')).body.fields.find((f) => f.name === 'state').codes;
  const gone = states.find((c) => /^注销/.test(c.title)).code, running = states.find((c) => /^存续/.test(c.title)).code;
  const one = (await steward(`/api/records/legal_person?state=eq.${running}&limit=1&select=code`)).body[0];
  const at = Date.now();
  assert.equal((await steward(`/api/records/legal_person/${one.code}`, { method: 'PATCH', json: { state: gone } })).status, 200);
  const follow = (page, sel) => page.waitForFunction(([s, n]) => Number(document.querySelector(s)?.textContent.replace(/[^\d.]/g, '')) === n, [sel, before - 1], { timeout: 30000, polling: 20 }).then(() => Date.now() - at);
  const [a, b] = await Promise.all([follow(board, '[data-indicator=legal_person_total] .value'), follow(wall, '[data-indicator=legal_person_total] b')]);
  console.log(`# the board followed after ${a} ms, the wall after ${b} ms`);
  assert.deepEqual(board.errors.concat(wall.errors), []);
});

test('no source is said, never a zero; a reported value stands with its evidence', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/indicators');
  await page.waitForSelector('[data-indicator]');
  assert.ok(await page.locator('tr:has-text("尚无数据来源") .value:has-text("—")').count() > 0);
  assert.equal(await page.locator('tr:has-text("尚无数据来源") .value:has-text("0")').count(), 0);
  await page.goto(`${p.city.url}/desk/indicators/plan_02`);
  await page.click('text=登记一个值');
  await page.selectOption('#r-period', { index: 1 });
  await page.fill('#r-value', '93');
  writeFileSync(join(dir, 'evidence.txt'), '证明材料');
  await page.setInputFiles('#r-file', join(dir, 'evidence.txt'));
  assert.deepEqual(await faults(page), []);
  await page.click('form >> text=登记');
  await page.waitForFunction(() => document.querySelector('#value')?.textContent.includes('93'));
  assert.match(await page.textContent('#main'), /部门填报/);
  await page.waitForSelector('text=佐证文件');
  assert.deepEqual(page.errors, []);
});

test('the wall: 16:9 and 32:9, 1080p and 4K; all thirty indicators in sight, nothing cut off', async () => {
  for (const [width, height] of [[1920, 1080], [3840, 2160], [3840, 1080], [2560, 720]]) {
    const page = await p.window({ width, height });
    await page.context().request.post(`${p.city.url}/api/session`, { data: { user: 'leader', password: 'Demo@2025' } });
    await page.goto(`${p.city.url}/screen`);
    await page.waitForSelector('.city path');
    await page.waitForSelector('.right [data-indicator]');
    const seen = await page.$$eval('.right [data-indicator]', (all) => all.map((x) => x.getBoundingClientRect()).filter((r) => r.right <= innerWidth + 1 && r.bottom <= innerHeight + 1 && r.width > 0).length);
    assert.equal(seen, 30, `${width}×${height}: ${seen} in sight`);
    const size = await page.evaluate(() => Number.parseFloat(getComputedStyle(document.querySelector('.right .name')).fontSize) / innerHeight);
    assert.ok(size > 0.0155, `type of ${size} of the wall's height`);
    assert.deepEqual(await faults(page), []);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});
