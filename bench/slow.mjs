// SPDX-License-Identifier: MulanPSL-2.0
// Ordinary reads beside slow clients: node bench/slow.mjs [CLIENTS] [SECONDS]. A third of the slow ones send their head byte by byte, a third their
// body, a third ask and do not read. Prints p50 and p99 of ordinary reads without and with them, and the ratio.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const BIN = process.env.CHENGSHU_BIN ?? join(fileURLToPath(new URL('..', import.meta.url)), 'build/chengshu');
const run = promisify(execFile);

// The slow ones, in a process of their own. Says how many are connected, then dribbles until it is killed.
async function slow(port, n, token) {
  const head = `POST /api/records/project HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  const sockets = [];
  let up = 0;
  const open = (i) => new Promise((done) => {
    const s = net.connect(port, '127.0.0.1', () => { up++; done(); });
    s.on('error', done);
    s.on('close', () => { up--; });
    if (i % 3 === 2) s.pause(); else s.resume();
    s.write(i % 3 === 0 ? 'GET /api/me HTTP/1.1\r\nX-A: ' : i % 3 === 1 ? `${head}Content-Length: 100000\r\n\r\n{` : `GET /api/records/legal_person?limit=2000 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`.repeat(3));
    sockets.push([s, i % 3]);
  });
  for (let i = 0; i < n; i += 200) await Promise.all(Array.from({ length: Math.min(200, n - i) }, (_, k) => open(i + k)));
  console.log(`up ${up}`);
  for (let round = 0; ; round++) {
    for (let i = round % 5; i < sockets.length; i += 5) if (sockets[i][1] < 2 && !sockets[i][0].destroyed) sockets[i][0].write(' ');
    await new Promise((done) => setTimeout(done, 1000));
    if (round % 5 === 4) console.log(`up ${up}`);
  }
}

async function measure(url, token, seconds) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const times = [], until = performance.now() + seconds * 1000;
  const once = () => new Promise((done, fail) => {
    const t = performance.now();
    http.get(`${url}/api/records/project?limit=20`, { agent, headers: { authorization: `Bearer ${token}` } }, (r) => {
      r.resume();
      r.on('end', () => { if (r.statusCode !== 200) fail(new Error(String(r.statusCode))); times.push(performance.now() - t); done(); });
    }).on('error', fail);
  });
  await Promise.all(Array.from({ length: 8 }, async () => { while (performance.now() < until) await once(); }));
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (p) => times[Math.floor(times.length * p)];
  return { n: times.length, p50: at(0.5), p99: at(0.99), max: times.at(-1) };
}

async function main(n, seconds) {
  const dir = mkdtempSync(join(tmpdir(), 'chengshu-slow-'));
  await run(BIN, ['init', '--data', dir, '--systems', 'systems', '--demo']);
  const server = spawn(BIN, ['serve', '--data', dir, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const url = await new Promise((done) => server.stdout.on('data', (d) => { const m = String(d).match(/listening (\S+?)\/?\s/); if (m) done(m[1]); }));
  const r = await fetch(`${url}/api/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"user":"steward","password":"Demo@2025"}' });
  const { token } = await r.json();
  await measure(url, token, 1);
  const alone = await measure(url, token, seconds);
  const clients = spawn('bash', ['-c', `ulimit -n $(ulimit -Hn); exec node "$0" --clients "$@"`, fileURLToPath(import.meta.url), new URL(url).port, n, token], { stdio: ['ignore', 'pipe', 'inherit'] });
  let up = 0;
  await new Promise((done) => clients.stdout.on('data', (d) => { up = Number(String(d).match(/up (\d+)/)[1]); done(); }));
  const first = up, beside = await measure(url, token, seconds);
  const row = (what, x) => console.log(`| ${what} | ${x.n} | ${x.p50.toFixed(2)} | ${x.p99.toFixed(2)} | ${x.max.toFixed(1)} |`);
  console.log('| ordinary reads | answered | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|');
  row('alone', alone);
  row(`beside ${first} slow clients (${up} at the end)`, beside);
  console.log(`p99 ratio ${(beside.p99 / alone.p99).toFixed(2)}`);
  clients.kill('SIGKILL');
  server.kill();
  await new Promise((done) => server.once('exit', done));
  rmSync(dir, { recursive: true, force: true });
}

if (process.argv[2] === '--clients') await slow(Number(process.argv[3]), Number(process.argv[4]), process.argv[5]);
else await main(Number(process.argv[2] ?? 10000), Number(process.argv[3] ?? 8));
