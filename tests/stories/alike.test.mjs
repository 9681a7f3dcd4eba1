// SPDX-License-Identifier: MulanPSL-2.0
// Thousands of requests that nobody thought of, put together from the catalogue and from values that are there: none is answered
// with 5xx or with broken JSON, and both databases answer the same (on PostgreSQL's run, a city on SQLite beside it).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { City, ROOT } from './city.mjs';

const SEED = Number(process.env.ALIKE_SEED ?? 20250603), ROUNDS = Number(process.env.ALIKE_ROUNDS ?? 800);
// Users: the first one asks most. Own: entities whose ids or figures are of each city's own making.
const CITY = { name: 'the city', systems: join(ROOT, 'systems'), users: ['steward', 'huayin', 'ecology', 'leader'], own: ['person', 'file', 'indicator_value'] };
const SMALL = { name: 'every type', systems: join(ROOT, 'tests/packs/small'), users: ['keeper', 'local', 'team'], own: ['post', 'file'], more: ['all_types', 120, everyType] };
const ORDERED = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'is', 'in', 'not.eq', 'not.gt', 'not.in', 'isdistinct', 'eq(any)', 'gt(all)'];
const WORDED = ['like', 'not.ilike', 'match', 'imatch', 'fts', 'like(all)', 'ilike(any)'], LISTED = ['cs', 'cd', 'ov', 'not.cs'];
const NUMBERS = ['int', 'decimal', 'money'], SHAPES = ['point', 'line', 'polygon', 'json'];
const ODD = ['', '0', '-1', '1e308', '9223372036854775807', '2025-06-03', '2025-02-30', 'null', 'true', "o'b", '"x"', '{a,b}', '渭南', '%', '*县', 'x'.repeat(300)];
const ACCEPTS = ['application/json', 'application/json', 'application/json', 'text/csv', 'application/x-ndjson', 'application/geo+json', 'application/vnd.pgrst.object+json'];
const CHECKED = ['content-type', 'content-range', 'x-count-at-least', 'preference-applied', 'location'];

let state = SEED;
const random = (n) => { // Park and Miller's minimal standard
  state = (state * 48271) % 2147483647;
  return state % n;
};
const pick = (list) => list[random(list.length)];
const often = (percent) => random(100) < percent;
const some = (most, make) => Array.from({ length: random(most + 1) }, make);

let entities, rows; // of the city that is asked: what there is, and values to ask for

function everyType(i) {
  const place = () => [108 + random(200) / 100, 34 + random(100) / 100], day = () => `20${10 + random(14)}-0${1 + random(9)}-1${random(10)}`;
  const all = {
    code: `QA${String(i).padStart(3, '0')}`, a_text: `示例${pick('甲乙丙丁')}${random(30)}`, a_longtext: pick(['长的文本\n第二行', '带"引号"', "o'b", 'Ünïcödé Ⅲ']), an_int: random(201) - 100,
    a_decimal: random(9) / 8, a_money: `${random(100000)}.${10 + random(90)}`, a_bool: often(50), a_date: day(), a_time: `1${random(10)}:30`, a_datetime: `${day()}T0${random(10)}:00:0${random(10)}Z`,
    an_enum: pick(['1', '2', '21']), a_ref: pick(['01', '0101', '010101']), a_refs: some(2, () => 1 + random(3)), a_region: pick(['610502', '610503']), an_org: pick(['A', 'B']), an_email: `q${i}@example.com`,
    a_point: { type: 'Point', coordinates: place() }, a_line: { type: 'LineString', coordinates: [place(), place()] }, a_json: pick([{ x: 1 }, [1, 'a', null], 'text', 7, true]), a_secret: pick(['暗号', '口令']),
  };
  return Object.fromEntries(Object.entries(all).filter(([k]) => k === 'code' || often(75)));
}

const both = (asks, path, options) => Promise.all(asks.map((ask) => ask(path, options)));

async function open({ systems, users, own, more }, t) {
  const kinds = process.env.STORY_DB === 'postgres' ? ['postgres', 'sqlite'] : ['sqlite'];
  const cities = await Promise.all(kinds.map((database) => City.make({ database, systems })));
  t.after(() => Promise.all(cities.map((c) => c.remove())));
  await Promise.all(cities.map((c) => c.serve()));
  const people = Object.fromEntries(await Promise.all(users.map(async (u) => [u, await Promise.all(cities.map((c) => c.as(u)))])));
  const first = people[users[0]];
  if (more) for (let i = 0; i < more[1]; i++) await both(first, `/api/records/${more[0]}`, { method: 'POST', json: more[2](i) });
  entities = new Map();
  rows = new Map();
  for (const { name } of (await first[0]('/api/entities')).body) {
    if (own.includes(name)) continue;
    entities.set(name, (await first[0](`/api/entities/${name}`)).body);
    rows.set(name, (await first[0](`/api/records/${name}?limit=40&offset=${random(10)}`)).body);
  }
  return people;
}

const field = (e, fits = () => true) => (often(5) ? '_created_by' : pick(often(90) ? [...e.fields.filter(fits), e.fields[0]] : e.fields).name);
const flat = (f) => !SHAPES.includes(f.type) && !f.masked && f.type !== 'refs';
const typeOf = (e, name) => e.fields.find((f) => f.name === name)?.type;
const operator = (type) => pick(often(5) ? [...ORDERED, ...WORDED, ...LISTED] : type === 'refs' ? LISTED : type === 'text' || type === 'longtext' ? [...ORDERED, ...WORDED] : ORDERED);
const plain = (v) => (v === null || v === undefined ? '' : typeof v === 'object' ? JSON.stringify(v) : String(v));
const value = (e, f) => (often(10) ? pick(ODD) : plain(pick(rows.get(e.name))?.[f]).slice(0, 60));

function related(e, depth) {
  const refs = e.fields.filter((f) => entities.has(f.to));
  const [name, target] = refs.length && often(60) ? ((f) => [f.name, f.to])(pick(refs)) : ((t) => [t, t])(pick([...entities.keys()]));
  return `${pick(['', '', '...', 'z:'])}${name}${pick(['', '', '!inner'])}(${select(entities.get(target), depth + 1)})`;
}

function item(e, depth) {
  const n = random(100);
  if (n < 60) return field(e);
  if (n < 65) return `a:${field(e)}::text`;
  if (n < 72) return `${often(30) ? 'n:' : ''}${field(e, flat)}.${pick(['count', 'min', 'max'])}()`;
  if (n < 78) return `${field(e, (f) => NUMBERS.includes(f.type))}.${pick(['sum', 'avg'])}()`;
  if (n < 85) return 'n:count()';
  if (n < 88) return '*';
  return depth < 3 ? related(e, depth) : field(e);
}

const select = (e, depth = 0) => [item(e, depth), ...some(3, () => item(e, depth))].join(',');

function condition(e) {
  const f = field(e, (x) => flat(x) || x.type === 'refs'), op = operator(typeOf(e, f)), v = value(e, f);
  if (op === 'is') return [f, `is.${pick(['null', 'not_null', 'true', 'false', 'unknown'])}`];
  if (op.endsWith('in')) return [f, `${op}.(${[v, value(e, f)].map((x) => JSON.stringify(x)).join(',')})`];
  if (op.includes('(') || LISTED.includes(op)) return [f, `${op}.{${JSON.stringify(v)}}`];
  return [f, `${op}.${v}`];
}

function query(e) {
  const q = [];
  if (often(60)) q.push(['select', select(e)]);
  for (const c of some(2, () => condition(e))) q.push(c);
  if (often(10)) q.push([pick(['or', 'and', 'not.or']), `(${[condition(e), condition(e)].map((c) => c.join('.')).join(',')})`]);
  if (often(40)) q.push(['order', `${often(10) ? 'n' : field(e, flat)}${pick(['', '.desc', '.asc.nullsfirst', '.desc.nullslast'])}`]);
  if (often(50)) q.push(['limit', pick(['0', '1', '7', '50', '9223372036854775807'])]);
  if (often(20)) q.push(['offset', pick(['0', '1', '30', '100000'])]);
  return q.map((p) => p.map(encodeURIComponent).join('=')).join('&');
}

function record(e) {
  const from = { ...pick(rows.get(e.name)) };
  for (const f of some(3, () => field(e))) from[f] = often(50) ? pick([null, true, 1, -1, 1.5, 'x', '2025-06-03', [], ['x'], {}]) : pick(rows.get(e.name))?.[f];
  if (often(50)) from[e.key] = typeof from[e.key] === 'number' ? 1000000 + random(1000) : `ALIKE${random(1000)}`;
  return from;
}

// A write is tried and not kept, so that both cities stay as they are.
function request() {
  const e = entities.get(pick([...entities.keys()])), method = pick(['GET', 'GET', 'GET', 'GET', 'GET', 'POST', 'PATCH', 'DELETE']);
  const prefer = [...some(1, () => 'count=exact'), ...some(1, () => 'return=representation'), ...some(1, () => pick(['resolution=merge-duplicates', 'resolution=ignore-duplicates']))];
  const headers = { accept: pick(ACCEPTS), prefer: [...prefer, ...(method === 'GET' ? [] : ['tx=rollback'])].join(', ') };
  if (often(10)) headers.range = pick(['0-4', '5-', '3-3', '100000-', '0-9223372036854775807']);
  const id = often(10) ? `/${encodeURIComponent(plain(pick(rows.get(e.name))?.[e.id]) || 'none')}` : '';
  const path = `/api/records/${e.name}${id}?${query(e)}`;
  if (method === 'POST') return { path, method, headers, json: often(70) ? record(e) : some(3, () => record(e)) };
  if (method === 'PATCH') return { path, method, headers, json: Object.fromEntries(Object.entries(record(e)).filter(() => often(30))) };
  return { path, method, headers };
}

// Without what each city has of its own: its times, and the mark of an export.
const own = (text) => text.replace(/20\d\d-\d\d-\d\dT[\d:.]+(Z|[+]08:00)/g, 'TIME').replace(/"trace":"[0-9a-f]+"/, '').replace(/^#.*$/gm, '');

// The answers of all cities are good and the same.
function compare(told, [a, b]) {
  for (const x of b ? [a, b] : [a]) assert.ok(x.status < 500, `${told}: ${x.status} ${x.text}`);
  if (!b) return;
  assert.equal(a.status, b.status, `${told}\n${a.text.slice(0, 500)}\n${b.text.slice(0, 500)}`);
  if (a.status === 409) return; // which of two broken keys is named, each database decides
  const [x, y] = [own(a.text), own(b.text)];
  let at = 0;
  while (at < x.length && x[at] === y[at]) at++;
  assert.ok(x === y, `${told}\n…${x.slice(Math.max(0, at - 60), at + 200)}\n…${y.slice(Math.max(0, at - 60), at + 200)}`);
  for (const h of CHECKED) assert.equal(a.headers.get(h), b.headers.get(h), `${told}: ${h}`);
}

// A machine that is busy elsewhere may give up a count or end a list: what differs is asked again; what is wrong stays so.
async function ask(told, asks, path, options) {
  for (let tries = 0; ; tries++) {
    const answers = await both(asks, path, options).catch((e) => assert.fail(`${told}: ${e}`));
    try {
      compare(told, answers);
      return answers[0].status;
    } catch (e) {
      if (tries === 3) throw e;
      await new Promise((done) => setTimeout(done, 1000 * (tries + 1)));
    }
  }
}

for (const world of [CITY, SMALL])
  test(`${world.name}: ${ROUNDS} requests made up from seed ${SEED}`, async (t) => {
    const people = await open(world, t), seen = {};
    for (let i = 0; i < ROUNDS; i++) {
      const user = often(75) ? world.users[0] : pick(world.users), { path, ...options } = request();
      const told = `${i}: ${user} ${options.method} ${decodeURIComponent(path)} ${JSON.stringify(options)}`;
      const status = await ask(told, people[user], path, options);
      seen[status] = (seen[status] ?? 0) + 1;
    }
    console.log(`# ${world.name}: answers by status: ${JSON.stringify(seen)}`);
    assert.ok(seen[200] > ROUNDS / 10 && seen[400] > 0 && seen[403] > 0, JSON.stringify(seen)); // neither all refused nor all let through
  });
