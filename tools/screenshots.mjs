#!/usr/bin/env node
// SPDX-License-Identifier: MulanPSL-2.0
// Pictures of every page kind at three widths, for docs/pages/: node tools/screenshots.mjs [KIND ...]
// Makes the demo city in a folder of its own, serves it on a free port, and writes the index beside the pictures.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Page } from '../tests/pages/page.mjs';

const out = join(resolve(dirname(fileURLToPath(import.meta.url)), '..'), 'docs/pages');
// The wide ones are WebP: eight million pixels each, and docs/pages has to stay small.
const file = (name, size) => `${name}-${size}.${size === 'wide' ? 'webp' : 'jpg'}`;
const SIZES = { desk: [1440, 900], phone: [360, 740], wide: [3840, 2160] };
const palette = async (page) => { await page.keyboard.press('Control+k'); await page.waitForSelector('dialog[open] input'); await page.keyboard.type('物流'); await page.waitForSelector('.palette mark, .palette .tag'); await page.waitForTimeout(600); };
const wrong = async (page) => { await page.waitForSelector('#f-no'); await page.fill('#f-no', '九'); await page.click('.actions .primary'); await page.waitForSelector('.note.bad li'); };
const mapped = async (page) => { await page.setInputFiles('#file', { name: '项目.csv', mimeType: 'text/csv', buffer: Buffer.from('序号,项目名称,状态,进度,备注说明\n901,示例项目一,,20,x\n902,示例项目二,,40,y\n') }); await page.waitForSelector('text=文件里的列对应哪个字段'); };
const proven = async (page) => { await page.getByRole('button', { name: '查看', exact: true }).first().click(); await page.waitForSelector('text=已封存'); };

// name, what it shows, who, address, what tells that it is there, what to do first
const KINDS = [
  ['sign-in', '登录：演示账号只在演示城市列出', null, '/desk', '[data-user]'],
  ['home', '待办：要办的、没读的、关注的，以及可以用的数据', 'steward', '/desk', '.home h1'],
  ['list', '列表：搜索、筛选、视图、导出；几百万行也一样滚动', 'steward', '/desk/e/legal_person?f=state.neq.2&q=商贸', 'tbody tr[data-id]'],
  ['panel', '侧栏：不离开列表看一条记录', 'steward', '/desk/e/project?id=1', '.past li'],
  ['record', '整页记录：分节、位置、相关记录、变更历史', 'steward', '/desk/e/region/r/610502', '.mini canvas'],
  ['form', '表单：错误在字段旁，也汇总在上面', 'steward', '/desk/e/project?new=1', '#f-no', wrong],
  ['map', '地图：任何有位置的数据', 'steward', '/desk/e/building?as=map', '.cluster-count'],
  ['board', '看板：系统包声明的图，点开就是记录', 'steward', '/desk/p/enterprises', '.chart svg'],
  ['tree', '层级：行政区划', 'steward', '/desk/p/regions', '[role=treeitem]'],
  ['calendar', '日历：证照到期', 'steward', '/desk/p/licence_expiry', '.month'],
  ['palette', 'Ctrl-K：记录、页面、操作', 'steward', '/desk', '.home h1', palette],
  ['import', '导入：自动识别，核对列的对应', 'steward', '/desk/e/project/import', '#file', mapped],
  ['indicators', '指标：规划的五类在前，没有来源就说没有', 'leader', '/desk/indicators', '[data-indicator]'],
  ['indicator', '一项指标：各区划、从哪里来、点开是哪些记录', 'steward', '/desk/indicators/licence_valid_share', 'dl'],
  ['access', '以其身份查看：只看权限和条数', 'security', '/desk/admin/access?user=linwei', 'tbody tr'],
  ['journal', '日志：谁在何时改了什么，每条核对摘要，有签名检查点之下的证明', 'auditor', '/desk/admin/journal', 'tbody tr', proven],
  ['portal', '门户：框架', 'citizen', '/portal', 'h1'],
  ['screen', '大屏：三十项指标、区县地图、最近一天', 'leader', '/screen', '.right [data-indicator]'],
];

async function shoot(page, base, [name, , user, path, there, act], size) {
  await page.context().clearCookies();
  if (user) await page.context().request.post(`${base}/api/session`, { data: { user, password: 'Demo@2025' } });
  await page.goto(base + path);
  await page.waitForSelector(there, { timeout: 15000 });
  if (act) await act(page);
  await page.waitForTimeout(900);
  await page.evaluate(() => document.activeElement?.blur?.());
  await page.mouse.move(0, 0); // else whatever lies under the last click looks chosen
  if (size !== 'wide') return void await page.screenshot({ path: join(out, file(name, size)), type: 'jpeg', quality: 78 });
  const cdp = await page.context().newCDPSession(page);
  const { data } = await cdp.send('Page.captureScreenshot', { format: 'webp', quality: 60 });
  await cdp.detach();
  writeFileSync(join(out, file(name, size)), Buffer.from(data, 'base64'));
  rmSync(join(out, `${name}-wide.jpg`), { force: true });
}

function index() {
  const there = new Set(readdirSync(out));
  const row = ([name, title]) => `| ${title} | ${Object.keys(SIZES).concat('band').filter((s) => there.has(file(name, s))).map((s) => `[${{ desk: '1440', phone: '360', wide: '3840', band: '32:9' }[s]}](${file(name, s)})`).join(' · ')} |`;
  writeFileSync(join(out, 'README.md'), `# Pages\n\nMade by \`node tools/screenshots.mjs\` from the demo city (everything in it is fictional).\n\n| page | widths |\n|---|---|\n${KINDS.map(row).join('\n')}\n\n![list](list-desk.jpg)\n\n![screen](screen-desk.jpg)\n`);
}

const wanted = process.argv.slice(2), kinds = KINDS.filter((k) => !wanted.length || wanted.includes(k[0]));
mkdirSync(out, { recursive: true });
const p = await Page.open();
try {
  for (const [size, [width, height]] of Object.entries(SIZES)) {
    const page = await p.window({ width, height });
    for (const k of kinds) await shoot(page, p.city.url, k, size);
    await page.context().close();
  }
  if (kinds.some((k) => k[0] === 'screen')) {
    const page = await p.window({ width: 2560, height: 720 });
    await shoot(page, p.city.url, KINDS.find((k) => k[0] === 'screen'), 'band');
  }
  index();
  console.log(`${readdirSync(out).length} files, ${(readdirSync(out).reduce((n, f) => n + statSync(join(out, f)).size, 0) / 1048576).toFixed(1)} MB in docs/pages`);
} finally { await p.close(); }
