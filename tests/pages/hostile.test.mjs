// SPDX-License-Identifier: MulanPSL-2.0
// Attack texts as values of records, in the desk's list, form, search and palette: they are shown as text, and no script of theirs runs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../stories/city.mjs';
import { Page } from './page.mjs';

// Each of our own that has markup, made to leave a trace in the window: `document.title=7` there becomes `window.ran=…`.
const ATTACKS = readFileSync(join(ROOT, 'tests/corpus/hostile/lines.txt'), 'utf8').split('\n')
  .filter((l) => l.length <= 90 && /document\.title=7|\{\{|\$\{/.test(l)).map((l, i) => l.replaceAll('document.title=7', `window.ran=${i}`));
let p;
before(async () => {
  p = await Page.open();
  const steward = await p.city.as('steward');
  const made = await steward('/api/records/project', { method: 'POST', json: ATTACKS.map((title, i) => ({ no: 700000 + i, title, content: title })) });
  assert.equal(made.status, 201, made.text);
});
after(async () => { await p?.close(); });

test('nothing of them runs: list, record, form, history, search, address', async () => {
  assert.ok(ATTACKS.length > 50);
  const page = await p.window();
  const said = [];
  page.on('dialog', (d) => { said.push(d.message()); d.dismiss(); });
  await p.signIn(page, 'steward', '/desk/e/project?s=no.desc');
  const rows = page.locator('tbody tr[data-id]');
  await rows.first().waitFor();
  assert.ok((await page.textContent('tbody')).includes(ATTACKS.at(-1)), 'the list shows them as text');
  await page.evaluate(() => document.querySelectorAll('tbody tr').forEach((r) => r.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))));
  await rows.first().locator('a.open').click();
  await page.waitForFunction((text) => document.body.innerText.includes(text) || [...document.querySelectorAll('input, textarea')].some((x) => x.value === text), ATTACKS.at(-1));
  for (const attack of [ATTACKS[0], ATTACKS[20], ATTACKS.at(-1)]) {
    await page.goto(`${p.city.url}/desk/e/project?q=${encodeURIComponent(attack)}`);
    await page.waitForSelector('#nav', { state: 'attached' });
    await page.goto(`${p.city.url}/desk/e/${encodeURIComponent(attack)}?s=${encodeURIComponent(attack)}#${encodeURIComponent(attack)}`);
    await page.waitForSelector('#nav', { state: 'attached' });
    await page.goto(`${p.city.url}/?next=${encodeURIComponent(attack)}`);
    await page.waitForSelector('#nav', { state: 'attached' });
  }
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.equal(await page.evaluate(() => document.querySelectorAll('iframe, script:not([src]), [onerror], [onload], [onfocus]').length), 0);
  assert.deepEqual(said, []);
  assert.deepEqual(page.errors.filter((e) => /Content Security Policy|TrustedHTML|TrustedScript/.test(e)), []); // not even tried
});
