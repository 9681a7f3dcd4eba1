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

// The first city's names, its numbers, and where it lies.
const FIRST = /渭南|临渭|Weinan|6105\d\d|109\.50?, ?34\.5/;
// Everything a page holds: text, and what stands in its fields and labels.
const whole = (page) => page.evaluate(() => document.body.textContent
  + [...document.querySelectorAll('*')].flatMap((x) => [...x.attributes]).filter((a) => /^(title|placeholder|value|href|alt|aria-label)$/.test(a.name)).map((a) => a.value).join('\n'));

const PAGES = [
  ['/desk', '.home h1'], ['/desk/e/berth', 'tbody tr[data-id]'], ['/desk/e/legal_person?q=港口', 'tbody tr[data-id]'], ['/desk/p/port', '.chart svg'],
  ['/desk/p/berths', '.cluster-count, .map canvas'], ['/desk/p/calls?month=2025-03', '.month'], ['/desk/e/region?as=tree', '[role=treeitem]'],
  ['/desk/e/region/r/399902', '.mini canvas'], ['/desk/indicators', '[data-indicator]'], ['/desk/indicators/berth_busy_share', 'dl'], ['/portal', 'h1'],
];
for (const user of ['steward', 'leader']) {
  test(`every page that the ${user} of the second city sees is its own`, async () => {
    const page = await p.window();
    await page.goto(`${p.city.url}/desk`);
    await page.waitForSelector('[data-user=island]');
    assert.doesNotMatch(await whole(page), FIRST, 'sign-in');
    await page.click(`[data-user=${user}]`);
    await page.waitForSelector('#nav', { state: 'attached' });
    for (const [path, there] of PAGES) {
      await page.goto(p.city.url + path);
      // Leaders see figures, not companies: they are told so.
      await page.waitForSelector(user === 'leader' && path.includes('legal_person') ? '.main h1' : there);
      await page.waitForTimeout(400);
      assert.doesNotMatch(await whole(page), FIRST, path);
      assert.deepEqual(await faults(page), [], path);
    }
    await page.goto(`${p.city.url}/screen`);
    await page.waitForSelector('.city text');
    const names = await page.$$eval('.city a text:first-of-type', (all) => all.map((x) => x.textContent).sort());
    assert.deepEqual(names, ['东岛区', '海门区', '渔浦市', '盐田县'].sort());
    assert.doesNotMatch(await whole(page), FIRST);
    assert.deepEqual(await faults(page), []);
    assert.deepEqual(page.errors, []);
  });
}

test('a map opens on its own coast, and a form gives a place of its own as the example', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/desk/e/address?new=1');
  const place = page.locator('[data-field=location] input');
  await page.waitForSelector('[data-field=location] .geo-map canvas');
  const within = (text) => {
    const [lon, lat] = /(-?[\d.]+), (-?[\d.]+)$/.exec(text).slice(1).map(Number);
    assert.ok(lon >= 121 && lon <= 121.5 && lat >= 30 && lat <= 30.4, text);
  };
  await page.waitForFunction(() => /\d/.test(document.querySelector('[data-field=location] input').placeholder));
  within(await place.getAttribute('placeholder'));
  assert.equal(await place.inputValue(), '');
  await page.waitForTimeout(800);
  await page.click('[data-field=location] .geo-map canvas');
  await page.waitForFunction(() => document.querySelector('[data-field=location] input').value !== '');
  within(await place.inputValue());
  assert.doesNotMatch(await whole(page), FIRST);
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('its people find its berths', async () => {
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
