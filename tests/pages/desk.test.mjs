// SPDX-License-Identifier: MulanPSL-2.0
// The desk as a person uses it: find, filter, open, edit with an error and correct it, history, two editors, a second window
// that follows at once, the palette, drafts, views, bulk changes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Page, faults } from './page.mjs';

let p;
before(async () => { p = await Page.open(); });
after(async () => { await p?.close(); });

const rows = (page) => page.locator('tbody tr[data-id]');
const first = (page) => rows(page).first().locator('a.open');
const main = (page) => page.locator('.side .btn.primary');

test('list: find by a word in the middle, filter chips, order, all in the address', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/legal_person');
  await rows(page).first().waitFor();
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
  await page.keyboard.type('物流');
  await page.waitForURL(/q=/);
  await page.waitForFunction(() => { const all = [...document.querySelectorAll('tbody tr[data-id]')]; return all.length && all.every((r) => r.textContent.includes('物流')); });
  await page.click('button:has-text("筛选")');
  await page.selectOption('#filter-field', 'state');
  await page.click('text=加上这个条件');
  await page.waitForSelector('.chip');
  await page.waitForFunction(() => /\d 条/.test(document.querySelector('#count').textContent));
  const again = await page.context().newPage();
  await again.goto(page.url());
  for (let i = 0, counts; ; i++) { // the count follows the rows: both pages come to the same one
    counts = await Promise.all([page, again].map((x) => x.textContent('#count').catch(() => '')));
    if (/\d 条/.test(counts[0]) && counts[0] === counts[1]) break;
    assert.ok(i < 1200, counts.join(' and '));
    await page.waitForTimeout(50);
  }
  await page.click('.chip button');
  await page.waitForFunction(() => !document.querySelector('.chip'));
  await page.goto(`${p.city.url}/desk/e/region?s=code.desc`);
  await rows(page).first().waitFor();
  assert.equal(await page.locator('th[aria-sort=descending]').count(), 1);
  await page.click('th .sort:has-text("名称")');
  await page.waitForURL(/s=title/);
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('list: thousands of rows scroll; only those in sight are in the document', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/region');
  await rows(page).first().waitFor();
  const seen = new Set();
  for (let i = 0; i < 100 && seen.size <= 300; i++) {
    for (const id of await page.$$eval('tbody tr[data-id]', (all) => all.map((r) => r.dataset.id))) seen.add(id);
    assert.ok(await rows(page).count() < 90, 'rows in the document');
    await page.evaluate(() => { const b = document.querySelector('.rows'); b.scrollTop = b.scrollHeight; });
    await page.waitForTimeout(150);
  }
  assert.ok(seen.size > 300, `${seen.size} different rows were seen`);
  assert.deepEqual(page.errors, []);
});

test('record: masked fields with a stated purpose, references with names, keyboard', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/legal_person');
  await first(page).waitFor();
  await first(page).focus();
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => document.activeElement.closest('tr')?.dataset.row === '1');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.side .past li');
  assert.match(await page.textContent('.side'), /已遮盖/);
  await page.waitForFunction(() => /社区|村|街道|镇|区|县/.test(document.querySelector('.side dd a')?.textContent ?? ''));
  assert.deepEqual(await faults(page), []);
  const before = await page.textContent('.side dl');
  await page.click('text=查看完整内容');
  await page.fill('#purpose', '核对登记信息');
  await page.click('.unmask .btn.primary');
  await page.waitForFunction((t) => document.querySelector('.side dl').textContent !== t, before);
  assert.doesNotMatch(await page.textContent('.side'), /已遮盖|查看完整内容/);
  await page.waitForSelector('.past li:has-text("查看了完整的敏感信息，事由：核对登记信息")');
  await page.click('text=关闭 ×');
  await page.waitForSelector('.side', { state: 'detached' });
  await page.goto(`${p.city.url}/desk/e/region/r/610502`);
  await page.waitForSelector('.mini canvas');
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('form: errors beside the field and on top; saving shows in history; deleting asks first', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/project');
  await rows(page).first().waitFor();
  await page.click('text=新增项目');
  await page.waitForSelector('#f-no');
  await page.fill('#f-no', '九');
  await main(page).click();
  await page.waitForSelector('.side .note.bad li');
  assert.match(await page.textContent('#f-no-wrong'), /整数/);
  assert.match(await page.textContent('#f-title-wrong'), /必须填写/);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'alert', 'the focus is on the summary');
  assert.deepEqual(await faults(page), []);
  await page.click('.side .note.bad a:has-text("项目名称")');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'f-title');
  await page.fill('#f-no', '9001');
  await page.fill('#f-title', '短');
  await main(page).click();
  await page.waitForFunction(() => document.querySelector('#f-title-wrong') && !document.querySelector('#f-no-wrong'));
  await page.fill('#f-title', '页面试验项目');
  await main(page).click();
  await page.waitForSelector('.side .past li');
  await page.click('.side >> text=修改');
  await page.waitForSelector('#f-progress');
  await page.fill('#f-progress', '40');
  await main(page).click();
  await page.waitForFunction(() => /把「进度」由 空 改为 40 ?%/.test(document.querySelector('.side .past')?.textContent.replace(/\s+/g, ' ') ?? ''));
  await page.click('.side .btn.danger');
  await page.waitForSelector('.el-message-box');
  await page.click('.el-message-box .el-button--primary');
  await page.waitForSelector('.side', { state: 'detached' });
  await page.goto(`${p.city.url}/desk/e/project?id=9001`);
  await page.waitForSelector('text=没有这条项目');
  assert.deepEqual(page.errors, []);
});

test('two editors: the other\'s change is merged, and where both changed the person decides', async () => {
  const one = await p.window(), two = await p.window();
  await p.signIn(one, 'steward', '/desk/e/project?id=1&edit=1');
  await one.waitForSelector('#f-note');
  await p.signIn(two, 'steward', '/desk/e/project?id=1&edit=1');
  await two.waitForSelector('#f-title');
  await two.fill('#f-title', '改过名字的项目');
  await two.fill('#f-note', '第二位写的');
  await main(two).click();
  await two.waitForSelector('.side .past li');
  await one.fill('#f-note', '第一位写的');
  await main(one).click();
  await one.waitForSelector('.conflict');
  assert.deepEqual(await faults(one), []);
  assert.equal(await one.inputValue('#f-title'), '改过名字的项目', 'what only the other changed is there');
  assert.equal(await one.inputValue('#f-note'), '第一位写的', 'what I typed is still there');
  await one.click('.conflict label:has-text("第二位写的")');
  assert.equal(await one.inputValue('#f-note'), '第二位写的');
  await one.click('.conflict label:has-text("第一位写的")');
  await main(one).click();
  await one.waitForSelector('.side .past li');
  assert.match(await one.textContent('.side'), /第一位写的/);
  assert.deepEqual(one.errors.concat(two.errors), []);
});

test('live: a change shows in a second window', async () => {
  const one = await p.window(), two = await p.window();
  await p.signIn(one, 'steward', '/desk/e/project?id=5');
  await p.signIn(two, 'leader', '/desk/e/project?id=5');
  await two.waitForSelector('.side .past li');
  const steward = await p.city.as('steward');
  const name = `此刻改的名字 ${Date.now()}`;
  const at = Date.now();
  assert.equal((await steward('/api/records/project/5', { method: 'PATCH', json: { title: name } })).status, 200);
  await two.waitForFunction((t) => document.querySelector('tbody')?.textContent.includes(t) && document.querySelector('.side h1')?.textContent.includes(t), name, { timeout: 30000, polling: 20 });
  const took = Date.now() - at;
  console.log(`# list and record followed after ${took} ms`);
  await one.waitForFunction((t) => document.querySelector('.side h1')?.textContent.includes(t), name);
  assert.deepEqual(one.errors.concat(two.errors), []);
});

test('drafts: what was typed is there after a reload and after signing out, sensitive fields are not left behind', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/legal_person?new=1');
  await page.waitForSelector('#f-title');
  await page.fill('#f-title', '没有写完的公司');
  await page.fill('#f-legal_rep', '某某某');
  await page.waitForFunction(() => Object.keys(localStorage).some((k) => k.startsWith('draft:')));
  assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes('某某某'));
  await page.reload();
  await page.waitForSelector('text=已恢复您');
  assert.equal(await page.inputValue('#f-title'), '没有写完的公司');
  await page.click('text=退出');
  await page.waitForSelector('#password');
  await page.click('[data-user=steward]');
  await page.waitForFunction(() => document.querySelector('#f-title')?.value === '没有写完的公司');
  await page.goto(`${p.city.url}/desk`);
  await page.click('text=没保存');
  await page.waitForSelector('#f-title');
  await page.click('.actions >> text=取消');
  await page.click('.el-message-box .el-button--primary');
  await page.waitForFunction(() => !Object.keys(localStorage).some((k) => k.startsWith('draft:')));
  assert.deepEqual(page.errors, []);
});

test('views, bulk change, tree, calendar', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/project?f=category.ilike.基础');
  await rows(page).first().waitFor();
  await page.click('button:has-text("视图")');
  await page.fill('#view-name', '基础设施');
  await page.click('.pop-box >> text=保存');
  await page.waitForSelector('.pop-box li >> text=基础设施');
  await page.goto(`${p.city.url}/desk/e/project`);
  await rows(page).first().waitFor();
  await page.click('button:has-text("视图")');
  await page.click('.pop-box li >> text=基础设施');
  await page.waitForSelector('.chip');
  const picks = page.locator('tbody .pick input');
  await picks.nth(0).check();
  await picks.nth(1).check();
  await page.selectOption('[aria-label=要修改的字段]', 'state');
  await page.selectOption('[aria-label=状态的新值]', { index: 2 });
  await page.click('.bulk .btn.primary');
  await page.click('.el-message-box .el-button--primary');
  await page.waitForSelector('text=已修改 2 条');
  assert.deepEqual(await faults(page), []);
  await page.goto(`${p.city.url}/desk/p/regions`);
  await page.waitForSelector('[role=treeitem]');
  await page.focus('[role=treeitem]');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.querySelectorAll('[role=treeitem][aria-level="2"]').length > 0);
  assert.deepEqual(await faults(page), []);
  await page.goto(`${p.city.url}/desk/p/licence_expiry`);
  await page.waitForSelector('.month td');
  assert.equal(await page.inputValue('.cal select'), 'valid_to', 'by the date that the pack names');
  await page.click('[aria-label=下个月]');
  await page.waitForURL(/month=/);
  for (let i = 0; i < 24 && await page.locator('.month td button').count() === 0; i++) { await page.click('[aria-label=下个月]'); await page.waitForTimeout(120); }
  const shown = await page.textContent('.cal h2');
  await page.locator('.month td button').first().click();
  await page.waitForSelector('.side h1');
  assert.equal(await page.textContent('.cal h2'), shown, 'opening a record leaves the month');
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('view as: the security administrator sees what the clerk may see, and no record', async () => {
  const page = await p.window();
  await p.signIn(page, 'security', '/desk/admin/access?user=linwei');
  await page.waitForSelector('td >> text=本区划及以下');
  assert.match(await page.textContent('#main'), /证照/);
  assert.deepEqual(await faults(page), []);
  await page.goto(`${p.city.url}/desk/e/person`);
  await page.waitForSelector('text=没有这种数据');
  assert.deepEqual(page.errors.filter((e) => !/403/.test(e)), []);
});

test('the journal: an entry shows its proof, to download; the newest checkpoint too', async () => {
  const page = await p.window();
  await p.signIn(page, 'auditor', '/desk/admin/journal');
  await page.getByRole('button', { name: '查看', exact: true }).first().click(); // 查看 is also what an entry may say was done
  await page.waitForSelector('text=已封存');
  const [proof] = await Promise.all([page.waitForEvent('download'), page.click('text=下载证明')]);
  const { checkpoint, path, index } = JSON.parse(readFileSync(await proof.path(), 'utf8'));
  assert.ok(path.length && checkpoint.size > index);
  const [note] = await Promise.all([page.waitForEvent('download'), page.click('text=下载检查点')]);
  assert.match(readFileSync(await note.path(), 'utf8'), /^chengshu\/[0-9a-f]{16}\n\d+\n/);
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('the map: points where the records are, one click opens', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/building?as=map');
  await page.waitForSelector('.map canvas');
  await page.waitForSelector('.cluster-count');
  const marked = await page.$$eval('.cluster-count', (all) => all.reduce((n, x) => n + Number(x.textContent.replace(/,/g, '')), 0));
  const total = Number((await page.textContent('#count')).replace(/\D/g, ''));
  assert.ok(marked > 0 && marked <= total, `${marked} of ${total}`);
  await page.click('.map-list summary');
  await page.click('.map-list li button');
  await page.waitForSelector('.side h1');
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('in the street: a form on the phone with a photo and the place by GPS', async () => {
  const page = await p.window({ width: 360, height: 740 });
  await page.context().grantPermissions(['geolocation']);
  await page.context().setGeolocation({ longitude: 109.51, latitude: 34.5, accuracy: 8 });
  await page.context().request.post(`${p.city.url}/api/session`, { data: { user: 'steward', password: 'Demo@2025' } });
  await page.goto(`${p.city.url}/desk`);
  await page.click('nav[aria-label=常用] >> text=登记');
  await page.waitForSelector('.record-form');
  await page.goto(`${p.city.url}/desk/e/building?new=1`);
  await page.waitForSelector('#f-code');
  await page.click('text=用我的位置');
  await page.waitForFunction(() => document.querySelector('[data-field=location] input')?.value === '109.510000, 34.500000');
  await page.goto(`${p.city.url}/desk/e/licence?new=1`);
  await page.waitForSelector('#f-file');
  assert.equal(await page.getAttribute('#f-file', 'capture'), 'environment');
  await page.setInputFiles('#f-file', { name: '现场.png', mimeType: 'image/png', buffer: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64') });
  await page.waitForSelector('text=已上传 现场.png');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('no network: what was typed is kept and sent when it is back', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/project?id=7&edit=1');
  await page.waitForSelector('#f-note');
  await page.context().setOffline(true);
  await page.fill('#f-note', '断网时写的');
  await page.waitForSelector('.offline >> text=没有网络');
  await main(page).click();
  await page.waitForSelector('text=没有网络，还没有提交');
  await page.context().setOffline(false);
  await main(page).click();
  await page.waitForSelector('.side .past li');
  assert.equal((await (await p.city.as('steward'))('/api/records/project/7?select=note')).body.note, '断网时写的');
});
