// SPDX-License-Identifier: MulanPSL-2.0
// Signing in, on the page: wrong password, one-time password, second factor.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createHmac } from 'node:crypto';
import { Page, faults } from './page.mjs';

let p;
before(async () => { p = await Page.open(); });
after(async () => { await p?.close(); });

test('sign-in: wrong password is told, a demo account gets in, signing out ends it', async () => {
  const page = await p.window();
  await page.goto(p.city.url);
  await page.fill('#user', 'steward');
  await page.fill('#password', 'wrong');
  await page.click('form .primary');
  await page.waitForSelector('.note.bad:not([hidden])');
  assert.deepEqual(await faults(page), []);
  await page.click('[data-user=steward]');
  await page.waitForSelector('.home h1');
  assert.deepEqual(await faults(page), []);
  await page.click('text=退出');
  await page.waitForSelector('#password');
  assert.equal(await page.locator('tbody').count(), 0);
  assert.deepEqual(page.errors, []);
});

test('sign-in: a one-time password must be changed first; a reload does not get around it; ?next= is followed', async () => {
  const admin = await p.city.as('admin'), security = await p.city.as('security');
  const made = await admin('/api/users', { method: 'POST', json: { user: 'newhand', title: '新同志' } });
  assert.equal(made.status, 201, made.text);
  const granted = await security('/api/grants', { method: 'POST', json: { user: 'newhand', role: 'leader' } });
  assert.equal(granted.status, 201, granted.text);
  const page = await p.window();
  const type = async (user, password, path) => {
    await page.goto(p.city.url + path);
    await page.fill('#user', user);
    await page.fill('#password', password);
    await page.click('form .primary');
  };
  await type('newhand', made.body.password, '/');
  await page.waitForSelector('#fresh');
  await page.waitForFunction(() => document.querySelector('#fresh-help').textContent.includes('不含登录名'));
  assert.deepEqual(await faults(page), []);
  await page.reload();
  await page.waitForSelector('#old');
  await page.fill('#old', made.body.password);
  await page.fill('#fresh', 'a quiet river 7');
  await page.fill('#again', 'a quiet river 8');
  await page.click('form .primary');
  await page.waitForSelector('text=两次填写的新口令不一样');
  await page.fill('#fresh', 'newhand-2031');
  await page.fill('#again', 'newhand-2031');
  await page.click('form .primary');
  await page.waitForSelector('text=新口令含有登录名');
  assert.equal(await page.getAttribute('#fresh', 'aria-invalid'), 'true');
  assert.deepEqual(await faults(page), []);
  await page.fill('#fresh', 'a quiet river 7');
  await page.fill('#again', 'a quiet river 7');
  await page.click('form .primary');
  await page.waitForSelector('#nav', { state: 'attached' });
  await page.click('text=退出');
  await page.waitForSelector('#password');
  await type('newhand', 'a quiet river 7', `/?next=${encodeURIComponent('/desk/e/project?q=%E6%B9%BF')}`);
  await page.waitForURL(`${p.city.url}/desk/e/project?q=%E6%B9%BF`);
  await page.click('text=退出');
  await page.waitForSelector('#password');
  for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example/', 'javascript:alert(1)']) {
    await type('newhand', 'a quiet river 7', `/?next=${encodeURIComponent(next)}`);
    await page.waitForSelector('.home h1');
    assert.ok(page.url().startsWith(p.city.url), next);
    await page.click('text=退出');
    await page.waitForSelector('#password');
  }
  assert.deepEqual(page.errors.filter((e) => !/403/.test(e)), []);
});

function totp(secret, at = Date.now()) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const mac = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map((b) => Number.parseInt(b, 2)))).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

test('sign-in: the code of the second factor is asked for when there is one', async () => {
  const me = await p.city.as('grid1');
  const made = await me('/api/me/factor', { method: 'POST', json: { password: 'Demo@2025' } });
  assert.equal(made.status, 201, made.text);
  const confirmed = await me('/api/me/factor/confirm', { method: 'POST', json: { code: totp(made.body.secret, Date.now() - 30000) } });
  assert.equal(confirmed.status, 200, confirmed.text);
  const page = await p.window();
  await page.goto(p.city.url);
  assert.equal(await page.locator('#province').isVisible(), false, 'no province here');
  await page.click('[data-user=grid1]');
  await page.waitForSelector('#code:visible');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'code');
  assert.deepEqual(await faults(page), []);
  await page.fill('#code', '000000');
  await page.click('form .primary');
  await page.waitForSelector('.note.bad:not([hidden])');
  await page.fill('#code', totp(made.body.secret));
  await page.click('form .primary');
  await page.waitForSelector('.home h1');
  const off = await me('/api/me/factor/disable', { method: 'POST', json: { password: 'Demo@2025', code: confirmed.body.recovery[0] } });
  assert.equal(off.status, 204, off.text);
  assert.deepEqual(page.errors, []);
});
