// SPDX-License-Identifier: MulanPSL-2.0
// Every line of published attack lists as path, filter, header, body, word to search, name and password: no answer of 5xx, none that hangs, none in which
// the line's markup could run, and what is stored as text comes back as it was. Sent byte by byte over sockets of our own: fetch would tidy it.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT, SHARED } from './city.mjs';

const PUBLISHED = join(SHARED, 'data/web-payloads'), OWN = join(ROOT, 'tests/corpus/hostile');
const LISTS = existsSync(PUBLISHED) ? PUBLISHED : OWN;
const CONNECTIONS = 8, HANGS_MS = 20000;
const STEP = process.env.STORY_DB === 'postgres' ? 16 : 1; // what differs there is below the parsers: every sixteenth line
let city, port, lines, steward, shell; // shell: the page that every address below /desk gets

const files = (dir) => readdirSync(dir).flatMap((name) => {
  const path = join(dir, name);
  return statSync(path).isDirectory() ? files(path) : name === 'SOURCE.txt' ? [] : [path];
});

before(async () => {
  const seen = new Map();
  for (const path of files(LISTS)) {
    const bytes = readFileSync(path);
    for (let from = 0, to; from < bytes.length; from = to + 1) {
      to = bytes.indexOf(10, from);
      if (to < 0) to = bytes.length;
      const line = bytes.subarray(from, to);
      if (line.length) seen.set(line.toString('latin1'), line);
    }
  }
  lines = [...seen.values()];
  console.log(`# ${lines.length} different lines of ${LISTS}`);
  assert.ok(lines.length > (LISTS === OWN ? 200 : 5000));
  city = await City.make();
  await city.serve();
  port = Number(new URL(city.url).port);
  steward = await city.signIn('steward');
  shell = Buffer.from(await (await fetch(`${city.url}/desk/`)).text()).toString('latin1');
});
after(() => city?.remove());

// One connection, one request at a time; opened anew when the server closed it. {status, headers, body}; status 0: closed without an answer.
class Line {
  async send(bytes) {
    if (!this.socket || this.socket.destroyed) await this.open();
    return new Promise((done, fail) => {
      this.done = (answer) => { clearTimeout(this.timer); this.done = null; done(answer); };
      this.timer = setTimeout(() => { this.done = null; this.socket.destroy(); fail(new Error(`no answer in ${HANGS_MS} ms to ${bytes.subarray(0, 300).toString('latin1')}`)); }, HANGS_MS);
      this.got = Buffer.alloc(0);
      this.head = bytes.subarray(0, 5).toString() === 'HEAD ';
      this.socket.write(bytes);
    });
  }

  open() {
    return new Promise((done, fail) => {
      this.socket = net.connect(port, '127.0.0.1', done);
      this.socket.on('error', fail);
      this.socket.on('data', (d) => { this.got = Buffer.concat([this.got, d]); this.look(); });
      this.socket.on('close', () => this.done?.(this.answer(true) ?? { status: 0, headers: '', body: '' }));
    });
  }

  look() {
    const answer = this.done && this.answer(false);
    if (!answer) return;
    if (/^connection: *close/im.test(answer.headers)) this.socket.destroy();
    this.done?.(answer);
  }

  answer(closed) {
    const end = this.got.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const headers = this.got.subarray(0, end).toString('latin1'), body = this.got.subarray(end + 4);
    const length = Number(headers.match(/^content-length: *(\d+)/im)?.[1] ?? -1);
    const status = Number(headers.slice(9, 12));
    const whole = this.head || status === 204 || status === 304 ? true : length >= 0 ? body.length >= length : /^transfer-encoding/im.test(headers) ? body.includes('0\r\n\r\n') : closed;
    return whole || closed ? { status, headers, body: body.toString('latin1') } : null;
  }
}

const encoded = (line) => [...line].map((b) => `%${b.toString(16).padStart(2, '0')}`).join('');
// As they would arrive from a careless client: only what would end the line is taken out.
const bare = (line, without) => Buffer.from([...line].filter((b) => !without.includes(b)));
const HEAD = [0, 10, 13], PATH = [0, 9, 10, 13, 32];
const join2 = (...parts) => Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p, 'latin1') : p)));
const ask = (method, target, headers = [], body) => join2(method, ' ', target, ' HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ', steward, '\r\n',
  ...headers.flatMap(([k, v]) => [k, ': ', v, '\r\n']), ...(body ? [`Content-Length: ${body.length}\r\n`] : []), '\r\n', body ?? '');
const json = [['Content-Type', 'application/json']];

const PLACES = {
  'filter value': (l) => ask('GET', `/api/records/project?title=eq.${encoded(l)}&limit=1`),
  'filter, as it is': (l) => ask('GET', join2('/api/records/project?title=like.', bare(l, PATH), '&limit=1')),
  'whole query': (l) => ask('GET', join2('/api/records/project?', bare(l, PATH))),
  'member, order, choice': (l) => ask('GET', `/api/records/project?${encoded(l)}=eq.1&order=${encoded(l)}&select=${encoded(l)}&limit=1`),
  'path': (l) => ask('GET', `/api/records/${encoded(l)}`),
  'record': (l) => ask('GET', `/api/records/project/${encoded(l)}`),
  'page': (l) => ask('GET', join2('/desk/', bare(l, PATH))),
  'method': (l) => join2(bare(l, PATH), ' /api/me HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
  'headers': (l) => ask('GET', '/api/records/project?limit=1', ['If-None-Match', 'Prefer', 'X-Purpose', 'User-Agent', 'X-Forwarded-For', 'Referer'].map((k) => [k, bare(l, HEAD)])),
  'what to accept': (l) => ask('GET', '/api/records/project?limit=1', [['Accept', bare(l, HEAD)]]),
  'range': (l) => ask('GET', '/api/records/project?limit=1', [['Range-Unit', bare(l, HEAD)], ['Range', bare(l, HEAD)]]),
  'condition of a change': (l) => ask('PATCH', '/api/records/project/1', [...json, ['If-Match', bare(l, HEAD)]], Buffer.from('{"note":"x"}')),
  'host': (l) => join2('GET /api/me HTTP/1.1\r\nHost: ', bare(l, HEAD), '\r\n\r\n'),
  'cookie and token': (l) => join2('GET /api/me HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ', bare(l, HEAD), '\r\nAuthorization: Bearer ', bare(l, HEAD), '\r\n\r\n'),
  'type of body': (l) => ask('POST', '/api/records/project', [['Content-Type', bare(l, HEAD)]], l),
  'body': (l) => ask('POST', '/api/records/project', json, l),
  'member of a body': (l) => ask('POST', '/api/records/project', json, Buffer.from(JSON.stringify({ [l.toString('utf8')]: 1, no: 1 }))),
  'CSV': (l) => ask('POST', '/api/records/project', [['Content-Type', 'text/csv']], join2('no,title\r\n1,', l, '\r\n')),
  'name of a file': (l) => ask('POST', `/api/files?name=${encoded(l)}`, [['Content-Type', bare(l, HEAD)]], Buffer.from('x')),
  'name of a file, in a header': (l) => ask('POST', '/api/files', [['X-File-Name', bare(l, HEAD)]], Buffer.from('x')),
  'part of a form': (l) => ask('POST', '/api/files', [['Content-Type', 'multipart/form-data; boundary=b']],
    join2('--b\r\nContent-Disposition: form-data; name="f"; filename="', bare(l, HEAD), '"\r\nContent-Type: ', bare(l, HEAD), '\r\n\r\n', l, '\r\n--b--\r\n')),
  'search': (l) => ask('GET', `/api/search?q=${encoded(l)}`),
  'sign-in': (l) => ask('POST', '/api/session', json, Buffer.from(JSON.stringify({ user: l.toString('utf8'), password: l.toString('utf8') }))),
};

function judge(place, line, r) {
  const told = () => `${place}: ${line.toString('latin1').slice(0, 200)}: ${r.headers}\n${r.body.slice(0, 400)}`;
  assert.ok(r.status < 500, told());
  if (!r.status || !r.body) return;
  const type = r.headers.match(/^content-type: *(.*)$/im)?.[1] ?? '';
  const text = line.toString('latin1');
  if (/<[a-z!/?]/i.test(text) && r.body.includes(text) && r.body !== shell) assert.match(type, /json|text\/(plain|csv)/, told());
  if (/json|plain|csv/.test(type) && r.status !== 431) assert.match(r.headers, /^x-content-type-options: nosniff/im, told());
  assert.doesNotMatch(r.headers, /^x-injected/im, told());
}

// All lines through fn on several connections.
async function all(fn, step = STEP) {
  let next = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const line = new Line();
    for (let i; (i = next) < lines.length;) { next += step; await fn(line, lines[i], i); }
    line.socket?.destroy();
  }));
}

for (const [place, build] of Object.entries(PLACES))
  test(`as ${place}`, async () => {
    const statuses = {};
    const began = performance.now();
    let longest = 0;
    await all(async (line, payload) => {
      const asked = performance.now();
      const r = await line.send(build(payload));
      longest = Math.max(longest, performance.now() - asked);
      judge(place, payload, r);
      statuses[r.status] = (statuses[r.status] ?? 0) + 1;
    }, place === 'sign-in' ? 80 : STEP); // a password is slow to check, by intention
    console.log(`# ${place}: ${JSON.stringify(statuses)} in ${Math.round(performance.now() - began)} ms, longest ${Math.round(longest)} ms`);
  });

test('one behind the other on one connection: as many answers as questions, each whole', async () => {
  const AT_ONCE = 32;
  for (let from = 0; from < lines.length; from += AT_ONCE * STEP) {
    const batch = lines.slice(from, from + AT_ONCE);
    const socket = net.connect(port, '127.0.0.1');
    const got = [];
    socket.on('data', (d) => got.push(d));
    const end = new Promise((done, fail) => { socket.on('end', done); socket.on('error', fail); socket.setTimeout(HANGS_MS, () => fail(new Error('hangs'))); });
    socket.write(join2(...batch.map((l) => ask('GET', `/api/records/project/${encoded(l.subarray(0, 500))}`)), ask('GET', '/api/me', [['Connection', 'close']])));
    await end;
    const statuses = [];
    for (let rest = Buffer.concat(got), end; (end = rest.indexOf('\r\n\r\n')) >= 0;) {
      const head = rest.subarray(0, end).toString('latin1');
      statuses.push(Number(head.slice(9, 12)));
      rest = rest.subarray(end + 4 + Number(head.match(/^content-length: *(\d+)/im)[1]));
    }
    assert.equal(statuses.length, batch.length + 1, `answers from line ${from}`);
    assert.ok(statuses.every((n) => n >= 200 && n < 500), statuses.join());
  }
});

test('500 slow clients: every ordinary answer comes', async () => {
  const begun = [
    (i) => `GET /api/me HTTP/1.1\r\nX-A: ${i}`,
    () => `POST /api/records/project HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${steward}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{`,
    () => `GET /api/records/region?limit=2000 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${steward}\r\n\r\n`.repeat(3),
  ];
  const slow = [];
  for (let i = 0; i < 500; i++)
    slow.push(await new Promise((done, fail) => {
      const s = net.connect(port, '127.0.0.1', () => { s.pause(); s.write(begun[i % 3](i)); done(s); });
      s.once('error', fail);
    }));
  const dribble = setInterval(() => slow.forEach((s, i) => { if (i % 3 < 2 && !s.destroyed) s.write(' '); }), 200);
  slow.forEach((s) => s.on('error', () => {}));
  try {
    const line = new Line();
    for (let i = 0; i < 300; i++) assert.equal((await line.send(ask('GET', '/api/records/project?limit=20'))).status, 200);
    line.socket.destroy();
    assert.equal(slow.filter((s) => s.destroyed).length, 0); // they are still there: that was beside them
  } finally {
    clearInterval(dribble);
    slow.forEach((s) => s.destroy());
  }
});

test('as text of a record: stored and read back as it was, and nothing else changed', async () => {
  const get = async (path) => (await fetch(city.url + path, { headers: { authorization: `Bearer ${steward}` } })).json();
  const before = (await get('/api/records/legal_person?select=code.count()'))[0];
  const users = (await get('/api/records/project?no=lt.500000&select=no.count()'))[0];
  let stored = 0, refused = 0;
  await all(async (line, payload, i) => {
    const text = payload.toString('utf8');
    const r = await line.send(ask('POST', '/api/records/project', [...json, ['Prefer', 'return=representation']], Buffer.from(JSON.stringify({ no: 500000 + i, title: '攻击文本', content: text }))));
    judge('record', payload, r);
    if (r.status !== 201) return void refused++;
    stored++;
    const back = await line.send(ask('GET', `/api/records/project/${500000 + i}?select=content`));
    const kept = JSON.parse(Buffer.from(back.body, 'latin1').toString('utf8'));
    assert.equal((Array.isArray(kept) ? kept[0] : kept).content, text);
  });
  console.log(`# ${stored} stored, ${refused} refused with a reason`);
  assert.ok(stored > lines.length / STEP * 0.8);
  assert.equal((await get('/api/records/project?no=gte.500000&select=no.count()'))[0].count, stored);
  assert.deepEqual((await get('/api/records/legal_person?select=code.count()'))[0], before);
  assert.deepEqual((await get('/api/records/project?no=lt.500000&select=no.count()'))[0], users);
});

test('the city is whole, and its log has no line that a payload made', async () => {
  assert.equal((await fetch(`${city.url}/healthz`)).status, 200);
  for (const line of city.log.split('\n').slice(1, -1)) if (line) JSON.parse(line);
  await city.stop();
  const verified = await city.command('verify');
  assert.equal(verified.code, 0, verified.err);
});
