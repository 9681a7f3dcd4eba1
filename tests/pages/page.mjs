// SPDX-License-Identifier: MulanPSL-2.0
// A browser on a real demo city, and axe. Every test fails on an error in the browser's console.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { City } from '../stories/city.mjs';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class Page {
  // {systems}: packs of another city.
  static async open(options) {
    const p = new Page();
    p.city = await City.make(options);
    await p.city.serve();
    p.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--enable-unsafe-swiftshader', '--use-gl=angle', '--use-angle=swiftshader'] });
    return p;
  }

  // A fresh window; {errors} collects what the browser complains about, the expected 401 of the first visit aside.
  async window({ width = 1440, height = 900 } = {}) {
    const context = await this.browser.newContext({ viewport: { width, height }, locale: 'zh-CN', bypassCSP: false });
    const page = await context.newPage();
    page.errors = [];
    page.on('console', (m) => m.type() === 'error' && !/40[14]|412|422/.test(m.text()) && page.errors.push(m.text()));
    page.on('pageerror', (e) => page.errors.push(e.stack));
    return page;
  }

  async signIn(page, user, path = '/') {
    await page.goto(this.city.url + path);
    await page.click(`[data-user=${user}]`);
    await page.waitForSelector('#nav', { state: 'attached' });
  }

  async close() {
    await this.browser?.close();
    await this.city?.remove();
  }
}

// Waits until every transition that ends has ended (a waiting sign turns for ever and is left alone).
const atRest = (page) => page.waitForFunction(() => !document.getAnimations()
  .some((a) => a.playState === 'running' && a.effect?.getComputedTiming().endTime !== Infinity));

// What axe finds wrong, as lines; the tags are WCAG 2.2 A and AA.
// It looks at a page at rest: a dialog that is fading in or out has colours of no one's choosing.
export async function faults(page) {
  await atRest(page);
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(' | ').slice(0, 400)}`);
}

export const axeVersion = axe.version;
