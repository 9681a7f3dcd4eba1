// SPDX-License-Identifier: MulanPSL-2.0
// The desk in Chromium against a city that runs: bytes and time of the first load on a CPU slowed four times, and how long a
// person waits on a list. tools/bench desk makes the city and calls this: node bench/desk.mjs http://127.0.0.1:PORT
import { chromium } from 'playwright-core';

const base = process.argv[2];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
const at = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];
const ms = (list) => [at(list, 0.5), at(list, 0.99), Math.max(...list)].map((x) => x.toFixed(0));

async function window_(signed) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'zh-CN' });
  if (signed) await context.request.post(`${base}/api/session`, { data: { user: 'steward', password: 'Demo@2025' } });
  return context.newPage();
}

/** A first visit: nothing is cached. Interactive: what was waited for is there and no task of over 50 ms runs any more. */
async function first(path, there, signed, slow) {
  const page = await window_(signed), cdp = await page.context().newCDPSession(page);
  let bytes = 0;
  await cdp.send('Network.enable');
  cdp.on('Network.loadingFinished', (e) => { bytes += e.encodedDataLength; });
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: slow });
  await page.addInitScript(() => {
    globalThis.busy = 0;
    new PerformanceObserver((l) => { for (const e of l.getEntries()) globalThis.busy = Math.max(globalThis.busy, e.startTime + e.duration); }).observe({ type: 'longtask', buffered: true });
  });
  await page.goto(base + path, { waitUntil: 'commit' });
  const ready = await page.waitForFunction((s) => document.querySelector(s) && performance.now(), there, { polling: 'raf' });
  const shown = await ready.jsonValue();
  await page.waitForTimeout(1500);
  const t = await page.evaluate(() => ({ busy: globalThis.busy, paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0 }));
  await page.context().close();
  return { bytes, paint: t.paint, interactive: Math.max(shown, t.busy) };
}

row('first visit, CPU slowed 4×', 'KB over the wire', 'first paint, ms', 'interactive, ms');
row('---', '---', '---', '---');
for (const [name, path, there, signed] of [['sign-in', '/desk', '#user', false], ['home', '/desk', '.home h1', true], ['list', '/desk/e/legal_person', 'tbody tr[data-id]', true]]) {
  const runs = [];
  for (let i = 0; i < 5; i++) runs.push(await first(path, there, signed, 4));
  row(name, (runs[0].bytes / 1024).toFixed(0), at(runs.map((r) => r.paint), 0.5).toFixed(0), at(runs.map((r) => r.interactive), 0.5).toFixed(0));
}

const page = await window_(true);
await page.goto(`${base}/desk/e/legal_person`);
await page.waitForSelector('tbody tr[data-id]');
console.log();
row('a wait on the list', 'median ms', 'p99 ms', 'longest', 'what');
row('---', '---', '---', '---', '---');

const frame = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
/** From the act until what is waited for is there, measured in the page. */
async function wait(act, there, arg) {
  await page.evaluate(() => { globalThis.begin = performance.now(); });
  await act();
  await page.waitForFunction(there, arg, { polling: 'raf' });
  return page.evaluate(() => performance.now() - globalThis.begin);
}
const opened = [], counted = [];
for (let i = 0; i < 10; i++) {
  await page.goto(`${base}/desk/e/project`);
  await page.waitForSelector('tbody tr[data-id]');
  opened.push(await wait(() => page.click('nav a[href="/desk/e/legal_person"]'), () => location.pathname.endsWith('legal_person') && document.querySelector('tbody tr[data-id^="9"]') !== null));
  counted.push(opened.at(-1) + await wait(async () => {}, () => /\d/.test(document.querySelector('#count').textContent)));
}
row('open', ...ms(opened), 'menu to rows');
row('count', ...ms(counted), await page.textContent('#count'));

const more = [];
for (let i = 0; i < 40; i++) {
  const height = await page.evaluate(() => document.querySelector('.rows').scrollHeight);
  more.push(await wait(() => page.evaluate(() => { const b = document.querySelector('.rows'); b.scrollTop = b.scrollHeight; }), (h) => document.querySelector('.rows').scrollHeight > h, height));
  await frame();
}
row('scroll to the end, next rows', ...ms(more), `${await page.evaluate(() => Math.round(document.querySelector('.rows').scrollHeight / 36))} rows loaded, ${await page.locator('tbody tr[data-id]').count()} in the document`);

const sorted = [];
const top = () => page.evaluate(() => document.querySelector('tbody tr[data-id]')?.dataset.id);
for (let i = 0; i < 10; i++) {
  const id = await top();
  sorted.push(await wait(() => page.click('th .sort:has-text("名称")'), (old) => document.querySelector('.rows').getAttribute('aria-busy') === 'false' && document.querySelector('tbody tr[data-id]')?.dataset.id !== old, id));
}
row('sort by name, up and down', ...ms(sorted), '');

const filtered = [], filteredCount = [];
for (let i = 0; i < 10; i++) {
  await page.goto(`${base}/desk/e/legal_person`);
  await page.waitForFunction(() => /\d/.test(document.querySelector('#count')?.textContent ?? ''));
  const before = await page.textContent('#count');
  await page.click('button:has-text("筛选")');
  await page.selectOption('#filter-field', 'state');
  await page.selectOption('#filter-value', { index: i % 2 });
  filtered.push(await wait(() => page.click('text=加上这个条件'), () => document.querySelector('.chip') && document.querySelector('.rows').getAttribute('aria-busy') === 'false' && document.querySelector('tbody tr[data-id], .empty') !== null));
  filteredCount.push(filtered.at(-1) + await wait(async () => {}, (b) => document.querySelector('#count').textContent !== b && /\d/.test(document.querySelector('#count').textContent), before));
}
row('filter by state', ...ms(filtered), '');
row('its count', ...ms(filteredCount), await page.textContent('#count'));

const found = [];
for (const word of ['物流', '果蔬', '示例路77', '环保科技', '教育咨询', '电子', '旅游开发', '汽车维修', '医药', '煤炭运销']) {
  await page.goto(`${base}/desk/e/legal_person`);
  await page.waitForSelector('tbody tr[data-id]');
  await page.waitForFunction(() => /\d/.test(document.querySelector('#count')?.textContent ?? ''));
  found.push(await wait(() => page.fill('#search', word), (w) => document.querySelector('.rows').getAttribute('aria-busy') === 'false' && new URLSearchParams(location.search).get('q') === w && document.querySelector('tbody tr[data-id], .empty') !== null, word) - 250);
}
row('search a word in the middle', ...ms(found), 'without the 250 ms in which one may still type');
await browser.close();
