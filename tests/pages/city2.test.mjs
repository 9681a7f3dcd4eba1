// SPDX-License-Identifier: MulanPSL-2.0
// A city of another name runs the same desk, portal and wall: nothing outside its packs is changed.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../stories/city.mjs';
import { Page, faults } from './page.mjs';

let p;
before(async () => { p = await Page.open({ systems: join(ROOT, 'examples/binhai') }); });
after(async () => { await p?.close(); });

const FIRST = /渭南|临渭|6105\d\d/;

test('every page of the second city is its own', async () => {
  const page = await p.window();
  await page.goto(`${p.city.url}/desk`);
  await page.waitForSelector('[data-user=island]');
  await page.click('[data-user=steward]');
  await page.waitForSelector('#nav', { state: 'attached' });
  const pages = [
    ['/desk', '.home h1'], ['/desk/e/berth', 'tbody tr[data-id]'], ['/desk/p/port', '.chart svg'], ['/desk/p/berths', '.cluster-count, .map canvas'],
    ['/desk/p/calls?month=2025-03', '.month'], ['/desk/e/region?as=tree', '[role=treeitem]'], ['/desk/indicators', '[data-indicator]'], ['/desk/indicators/berth_busy_share', 'dl'], ['/portal', 'h1'],
  ];
  for (const [path, there] of pages) {
    await page.goto(p.city.url + path);
    await page.waitForSelector(there);
    await page.waitForTimeout(400);
    assert.doesNotMatch(await page.textContent('body'), FIRST, path);
    assert.deepEqual(await faults(page), [], path);
  }
  await page.goto(`${p.city.url}/screen`);
  await page.waitForSelector('.city text');
  const names = await page.$$eval('.city a text:first-of-type', (all) => all.map((x) => x.textContent).sort());
  assert.deepEqual(names, ['东岛区', '海门区', '渔浦市', '盐田县'].sort());
  assert.doesNotMatch(await page.textContent('body'), FIRST);
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('its map opens on its own coast, and its people find its berths', async () => {
  const page = await p.window();
  await p.signIn(page, 'leader', '/desk/e/berth');
  await page.waitForSelector('tbody tr[data-id]');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('7 号泊位');
  await page.waitForSelector('#cmd-list >> text=7 号泊位');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.record h1');
  assert.deepEqual(page.errors, []);
});
