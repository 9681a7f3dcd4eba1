// SPDX-License-Identifier: MulanPSL-2.0
// The first page: sign in, list, record, form, history, live changes; at 1440 and 360 px; axe finds nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createHmac } from 'node:crypto';
import { Page, faults } from './page.mjs';

let p;
before(async () => { p = await Page.open(); });
after(async () => { await p?.close(); });

const rows = (page) => page.locator('tbody tr');

test('sign-in: wrong password is told, a demo account gets in, signing out ends it', async () => {
  const page = await p.window();
  await page.goto(p.city.url);
  await page.fill('#user', 'steward');
  await page.fill('#password', 'wrong');
  await page.click('form .primary');
  await page.waitForSelector('.note.bad:not([hidden])');
  assert.deepEqual(await faults(page), []);
  await page.click('[data-user=steward]');
  await page.waitForSelector('.cards a');
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
  await page.waitForSelector('#nav:not([hidden])', { state: 'attached' });
  await page.click('text=退出');
  await page.waitForSelector('#password');
  await type('newhand', 'a quiet river 7', `/?next=${encodeURIComponent('/?e=project&q=%E6%B9%BF')}`);
  await page.waitForURL(`${p.city.url}/?e=project&q=%E6%B9%BF`);
  await page.click('text=退出');
  await page.waitForSelector('#password');
  for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example/', 'javascript:alert(1)']) {
    await type('newhand', 'a quiet river 7', `/?next=${encodeURIComponent(next)}`);
    await page.waitForSelector('.cards a');
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
  await page.waitForSelector('.cards a');
  const off = await me('/api/me/factor/disable', { method: 'POST', json: { password: 'Demo@2025', code: confirmed.body.recovery[0] } });
  assert.equal(off.status, 204, off.text);
  assert.deepEqual(page.errors, []);
});

test('list: search with /, filter chips, order, pages, all in the address', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/?e=legal_person');
  await rows(page).first().waitFor();
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
  await page.keyboard.type('物流');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=/);
  await page.waitForFunction(() => [...document.querySelectorAll('tbody tr')].every((r) => r.textContent.includes('物流')));
  await page.click('summary:has-text("筛选")');
  await page.selectOption('[aria-label=字段]', 'state');
  await page.click('text=加上这个条件');
  await page.waitForSelector('.chip');
  const filtered = await page.textContent('#count');
  const again = await page.context().newPage();
  await again.goto(page.url());
  await again.waitForFunction((t) => document.querySelector('#count')?.textContent === t, filtered);
  await page.click('.chip button');
  await page.waitForFunction(() => !document.querySelector('.chip'));
  await page.goto(`${p.city.url}/?e=region&s=code.desc&p=2`);
  await rows(page).first().waitFor();
  assert.match(await page.textContent('.pager'), /第 51–100 条/);
  assert.equal(await page.locator('th[aria-sort=descending]').count(), 1);
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('record: masked fields are explained, references are links, Escape closes', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/?e=legal_person');
  await rows(page).first().locator('a').click();
  await page.waitForSelector('.side .past li');
  assert.match(await page.textContent('.side'), /已遮盖/);
  await page.waitForFunction(() => /（\d+）/.test(document.querySelector('.side dd a')?.textContent ?? ''));
  assert.deepEqual(await faults(page), []);
  await page.keyboard.press('Escape');
  await page.waitForSelector('.side', { state: 'hidden' });
  await page.goto(`${p.city.url}/?e=region&id=610502`);
  await page.waitForSelector('svg.shape path');
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('form: errors beside the field and on top; saving shows in history; deleting asks first', async () => {
  const page = await p.window();
  await p.signIn(page, 'steward', '/?e=project');
  await rows(page).first().waitFor();
  await page.click('text=新增项目');
  await page.waitForSelector('form.form');
  await page.fill('#f-no', '九');
  await page.click('.side .primary');
  await page.waitForSelector('.side .note.bad:not([hidden]) li');
  assert.match(await page.textContent('#wrong-no'), /整数/);
  assert.match(await page.textContent('#wrong-title'), /必须填写/);
  assert.deepEqual(await faults(page), []);
  await page.fill('#f-no', '9001');
  await page.fill('#f-title', '短');
  await page.click('.side .primary');
  await page.waitForFunction(() => !document.querySelector('#wrong-title').hidden && document.querySelector('#wrong-no').hidden);
  await page.fill('#f-title', '页面试验项目');
  await page.click('.side .primary');
  await page.waitForSelector('.side .past li');
  await page.click('.side a:has-text("修改")');
  await page.waitForSelector('#f-progress');
  await page.fill('#f-progress', '40');
  await page.click('.side .primary');
  await page.waitForFunction(() => /把「进度」由 空 改为 40%/.test(document.querySelector('.side .past')?.textContent.replace(/\s+/g, ' ') ?? ''));
  await page.click('.side .danger');
  await page.waitForSelector('dialog[open]');
  assert.deepEqual(await faults(page), []);
  await page.click('dialog .danger');
  await page.waitForSelector('.side', { state: 'hidden' });
  await page.goto(`${p.city.url}/?e=project&id=9001`);
  await page.waitForSelector('text=没有这条项目');
  assert.deepEqual(page.errors, []);
});

test('two people: the list follows changes at once; saving over another change is refused', async () => {
  const one = await p.window(), two = await p.window();
  await p.signIn(one, 'steward', '/?e=project&id=1&v=edit');
  await one.waitForSelector('#f-note');
  await p.signIn(two, 'steward', '/?e=project&id=1&v=edit');
  await two.waitForSelector('#f-title');
  await two.fill('#f-title', '改过名字的项目');
  await two.click('.side .primary');
  await two.waitForSelector('.side .past li');
  await one.waitForFunction(() => document.querySelector('tbody')?.textContent.includes('改过名字的项目'));
  await one.fill('#f-note', '我也在改');
  await one.click('.side .primary');
  await one.waitForSelector('text=别人刚刚改过这条记录');
  assert.equal(await one.inputValue('#f-note'), '我也在改');
  await one.click('text=取最新内容，保留我填的');
  await one.waitForFunction(() => document.querySelector('.side .note')?.hidden);
  assert.deepEqual(one.errors.concat(two.errors), []);
});

test('360 px: no sideways scrolling, menu opens, a record fills the screen', async () => {
  const page = await p.window({ width: 360, height: 740 });
  await p.signIn(page, 'steward', '/?e=legal_person');
  await rows(page).first().waitFor();
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(await fits());
  assert.deepEqual(await faults(page), []);
  await page.click('.menu');
  await page.waitForSelector('#nav.open');
  assert.deepEqual(await faults(page), []);
  await page.click('.menu');
  await rows(page).first().locator('a').click();
  await page.waitForSelector('.side .past li');
  assert.ok(await fits());
  await page.click('.side a:has-text("修改")');
  await page.waitForSelector('form.form');
  assert.ok(await fits());
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});

test('somebody without rights sees plain words, not an error', async () => {
  const page = await p.window();
  await p.signIn(page, 'admin');
  await page.waitForSelector('h1');
  assert.deepEqual(await faults(page), []);
  assert.deepEqual(page.errors, []);
});
