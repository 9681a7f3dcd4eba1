// SPDX-License-Identifier: MulanPSL-2.0
// Every kind of page at 1440 and 360 px and at 200 %: axe finds nothing, nothing runs off sideways, no other origin is asked,
// and the desk can be gone through by keyboard alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Page, faults } from './page.mjs';

let p;
before(async () => { p = await Page.open(); });
after(async () => { await p?.close(); });

// kind, who, address, what tells that it is there
const KINDS = [
  ['home', 'steward', '/desk', '.home h1'], ['list', 'steward', '/desk/e/legal_person', 'tbody tr[data-id]'], ['empty', 'steward', '/desk/e/legal_person?q=没有这样的公司名', '.empty'],
  ['record', 'steward', '/desk/e/licence/r/YL-610502-2019-00100', '.past'], ['panel', 'steward', '/desk/e/project?id=1', '.past li'], ['form', 'steward', '/desk/e/building?new=1', '#f-code'],
  ['map', 'steward', '/desk/e/grid_cell?as=map', '.map canvas'], ['board', 'steward', '/desk/p/enterprises', '.tile .value'], ['tree', 'steward', '/desk/p/regions', '[role=treeitem]'],
  ['calendar', 'steward', '/desk/p/licence_expiry', '.month'], ['inbox', 'steward', '/desk/inbox', 'h1'], ['account', 'steward', '/desk/account', '#old'], ['jobs', 'steward', '/desk/jobs', 'h1'],
  ['import', 'steward', '/desk/e/project/import', '#file'], ['nothing', 'steward', '/desk/nowhere', 'h1'], ['users', 'admin', '/desk/admin/users', 'tbody tr'], ['packs', 'admin', '/desk/admin/packs', 'tbody tr'],
  ['tasks', 'admin', '/desk/admin/tasks', 'h1'], ['grants', 'security', '/desk/admin/grants', 'tbody tr'], ['access', 'security', '/desk/admin/access?user=linwei', 'tbody tr'], ['approvals', 'admin', '/desk/admin/approvals', 'h1'],
  ['reactions', 'steward', '/desk/admin/reactions', 'h1'], ['journal', 'auditor', '/desk/admin/journal', 'tbody tr'], ['indicators', 'leader', '/desk/indicators', '[data-indicator]'], ['indicator', 'steward', '/desk/indicators/licence_valid_share', 'dl'], ['portal', 'citizen', '/portal', 'h1'], ['screen', 'leader', '/screen', '.wall h1'],
];

const sideways = (page) => page.evaluate(() => Math.max(document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll('#main, main')].map((m) => m.scrollWidth - m.clientWidth)));

async function walk(width, height, scale = 1) {
  const page = await p.window({ width: Math.round(width / scale), height: Math.round(height / scale) });
  const wrong = [], asked = new Set();
  page.on('request', (r) => { const at = new URL(r.url()); if (at.protocol.startsWith('http') && at.origin !== p.city.url) asked.add(at.origin); });
  let signed = '';
  for (const [kind, user, path, there] of KINDS) {
    if (signed !== user) {
      await page.context().clearCookies();
      await page.context().request.post(`${p.city.url}/api/session`, { data: { user, password: 'Demo@2025' } });
      signed = user;
    }
    await page.goto(p.city.url + path);
    try { await page.waitForSelector(there, { timeout: 30000 }); } catch { wrong.push(`${kind}: ${there} is not there`); continue; }
    await page.waitForTimeout(250);
    for (const f of await faults(page)) wrong.push(`${kind}: ${f}`);
    const over = await sideways(page);
    if (over > 1) wrong.push(`${kind}: ${over} px run off sideways`);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual([...asked], [], 'asked of another origin');
  assert.deepEqual(page.errors, []);
}

test('every page kind, 1440 px: axe finds nothing, all from our own origin', () => walk(1440, 900));
test('every page kind, 360 px', () => walk(360, 740));
test('every page kind at 200 %: a window of half the size', () => walk(1280, 1024, 2));

test('by keyboard: sign in, the palette, a list, a filter, a form, and back', async () => {
  const page = await p.window();
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent?.trim().slice(0, 20));
  const tabTo = async (want, most = 60) => {
    for (let i = 0; i < most; i++) { if (await page.evaluate(want)) return; await page.keyboard.press('Tab'); }
    assert.fail(`not reached by ${most} tabs; at “${await focused()}”`);
  };
  await page.goto(`${p.city.url}/desk`);
  await page.waitForSelector('#user');
  await page.keyboard.type('steward');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Demo@2025');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.home h1');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('dialog[open] input');
  await page.keyboard.type('项目');
  await page.waitForSelector('#cmd-0 >> text=项目');
  const at = await page.$$eval('[id^=cmd-] .grow', (all) => all.findIndex((x) => x.textContent.trim() === '项目'));
  for (let i = 0; i < at; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForSelector('tbody tr[data-id]');
  assert.match(page.url(), /\/desk\/e\/project$/);
  await tabTo(() => document.activeElement?.tagName === 'BUTTON' && document.activeElement.textContent.includes('筛选'));
  await page.keyboard.press('Enter');
  await page.waitForSelector('#filter-field');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#filter-field', { state: 'detached' });
  await tabTo(() => document.activeElement?.classList.contains('open'));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.side .past li');
  await tabTo(() => document.activeElement?.textContent?.trim() === '修改');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#f-progress');
  await tabTo(() => document.activeElement?.id === 'f-progress');
  await page.keyboard.type('35');
  await tabTo(() => document.activeElement?.textContent?.trim() === '保存');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /改为 35 ?%/.test(document.querySelector('.side .past')?.textContent ?? ''));
  assert.deepEqual(page.errors, []);
});
