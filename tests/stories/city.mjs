// SPDX-License-Identifier: MulanPSL-2.0
// A real city for a story: `init` into a temporary folder, `serve` on a free port, on the database named by STORY_DB
// (sqlite, or postgres with a database of its own on the server at CHENGSHU_TEST_PG).
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

// Debian 12's Node.js joins several Set-Cookie headers into one; ours have no comma of their own.
Headers.prototype.getSetCookie ??= function () {
  return (this.get('set-cookie') ?? '').split(/, (?=[^;,\s]+=)/).filter(Boolean);
};

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const SHARED = process.env.SHARED ?? join(ROOT, '../shared');
export const BIN = process.env.CHENGSHU_BIN ?? join(ROOT, 'build/chengshu');
export const PASSWORD = 'Demo@2025';
const run = promisify(execFile);

async function freshDatabase(kind) {
  if (kind === 'sqlite') return { url: 'sqlite', drop: async () => {} };
  const base = process.env.CHENGSHU_TEST_PG;
  const name = `story_${process.pid}_${Date.now().toString(36)}_${Math.floor(Math.random() * 1e6)}`;
  await run('psql', [base, '-qc', `create database ${name}`]);
  const url = new URL(base);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => run('psql', [base, '-qc', `drop database ${name} with (force)`]) };
}

// Runs the program, with `input` on its standard input; {code, out, err}. A non-zero exit is an answer, not an exception.
export async function chengshu(args, { input, ...options } = {}) {
  try {
    const running = run(BIN, args, { maxBuffer: 64 << 20, ...options });
    running.child.stdin.on('error', () => {}); // it may end without reading
    running.child.stdin.end(input);
    const { stdout, stderr } = await running;
    return { code: 0, out: stdout, err: stderr };
  } catch (e) {
    return { code: e.code, out: e.stdout ?? '', err: e.stderr ?? String(e) };
  }
}

export class City {
  // {systems, demo, database}: packs (default the project's own), demo data (default true), sqlite or postgres (default STORY_DB).
  static async make({ systems = join(ROOT, 'systems'), demo = true, database = process.env.STORY_DB ?? 'sqlite' } = {}) {
    const c = new City();
    c.dir = mkdtempSync(join(tmpdir(), 'chengshu-story-'));
    c.database = await freshDatabase(database);
    c.db = c.database.url;
    const made = await c.command('init', '--systems', systems, ...(demo ? ['--demo'] : []));
    if (made.code !== 0) throw new Error(`init: ${made.out}${made.err}`);
    c.initOutput = made.out;
    return c;
  }

  command(name, ...args) {
    return chengshu([name, '--data', this.dir, '--db', this.db, ...args]);
  }

  async serve(...more) {
    this.process = spawn(BIN, ['serve', '--data', this.dir, '--db', this.db, '--listen', '127.0.0.1:0', ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.env },
    });
    this.log = '';
    this.process.stderr.on('data', (d) => (this.log = (this.log + d).slice(-200000)));
    this.url = await new Promise((done, fail) => {
      let out = '';
      this.process.stdout.on('data', (d) => {
        out += d;
        const m = out.match(/listening (http:\/\/\S+)/);
        if (m) done(m[1].replace(/\/$/, ''));
      });
      this.process.once('exit', (code) => fail(new Error(`serve ended with ${code}: ${out}${this.log}`)));
    });
    return this.url;
  }

  async stop(signal = 'SIGTERM') {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode) return;
    const gone = new Promise((done) => this.process.once('exit', (code, sig) => done(sig ?? code)));
    this.process.kill(signal);
    const result = await gone;
    this.process = null;
    return result;
  }

  async remove() {
    await this.stop();
    await this.database.drop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async signIn(user, password = PASSWORD) {
    const r = await fetch(`${this.url}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user, password }),
    });
    if (r.status !== 200) throw new Error(`sign-in of ${user}: ${r.status} ${await r.text()}`);
    return (await r.json()).token;
  }

  // A function (path, options) → {status, headers, body} that speaks for one user.
  async as(user) {
    const token = user ? await this.signIn(user) : null;
    return async (path, { method = 'GET', json, body, headers = {} } = {}) => {
      const r = await fetch(this.url + path, {
        method,
        headers: {
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(json !== undefined ? { 'content-type': 'application/json' } : {}),
          ...headers,
        },
        body: json !== undefined ? JSON.stringify(json) : body,
      });
      const text = await r.text();
      const type = r.headers.get('content-type') ?? '';
      return { status: r.status, headers: r.headers, text, body: /[/+]json\b/.test(type) && text ? JSON.parse(text) : text };
    };
  }
}

// Opens a stream and gives back next(): the data of the next `change` event.
export async function stream(base, token, query = '', headers = {}) {
  const abort = new AbortController();
  const r = await fetch(`${base}/api/stream${query}`, { headers: { authorization: `Bearer ${token}`, ...headers }, signal: abort.signal });
  if (r.status !== 200) throw new Error(`stream: ${r.status} ${await r.text()}`);
  const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    close: () => abort.abort(),
    async next() {
      for (;;) {
        const m = text.match(/([\s\S]*?)\n\n/);
        if (m) {
          text = text.slice(m[0].length);
          const data = m[1].split('\n').find((l) => l.startsWith('data:'));
          if (m[1].includes('event: change') && data) return { ...JSON.parse(data.slice(5)), id: m[1].match(/^id: (\d+)/m)?.[1] };
          continue;
        }
        const { value, done } = await reader.read();
        if (done) throw new Error('the stream ended');
        text += value;
      }
    },
  };
}

export const within = (ms, promise) => Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`nothing within ${ms} ms`)), ms))]);
