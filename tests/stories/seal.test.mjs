// SPDX-License-Identifier: MulanPSL-2.0
// The sealed journal from outside: checkpoints appear by themselves, a printed one proves later that nothing was changed, and the verifier that
// knows nothing of the program (Python and the openssl command) comes to the same result.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { City, ROOT } from './city.mjs';

const run = promisify(execFile);
let city, steward, auditor, citizen, printed;
const kept = new Set(); // files beside the city's folder

before(async () => {
  city = await City.make();
  await city.serve();
  [steward, auditor, citizen] = await Promise.all(['steward', 'auditor', 'citizen'].map((u) => city.as(u)));
});
after(async () => {
  await city?.remove();
  for (const path of kept) rmSync(path, { force: true });
});

const insert = async (no) => {
  const r = await steward('/api/records/project', { method: 'POST', json: { no, title: `封存 ${no}` } });
  assert.equal(r.status, 201, r.text);
};
const sizeOf = (note) => Number(note.split('\n')[1]);
const newest = async () => (await auditor('/api/journal/checkpoint')).text;

// Waits until the journal's newest entry is sealed.
async function sealed() {
  for (let i = 0; i < 600; i++) {
    const [last] = (await auditor('/api/journal?order=desc&limit=1')).body;
    const proof = await auditor(`/api/journal/${last.seq}/proof`);
    if (proof.status === 200) return proof.body;
    assert.equal(proof.status, 412, proof.text);
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('not sealed after a minute');
}

async function verifier(...args) {
  try {
    return { code: 0, out: (await run(join(ROOT, 'tools/journal-verify'), args)).stdout };
  } catch (e) {
    return { code: e.code, out: e.stdout, err: e.stderr };
  }
}

const beside = (name) => {
  const path = join(city.dir, `../${city.dir.split('/').at(-1)}-${name}`);
  kept.add(path);
  return path;
};
const keep = (name, value) => {
  writeFileSync(beside(name), typeof value === 'string' ? value : JSON.stringify(value));
  return beside(name);
};

// A note over this body by a key that somebody has, made with openssl alone.
async function signedBy(pem, publicPem, number, body) {
  const name = `${body.split('\n')[0]}/${number}`;
  const hash = await run('openssl', ['dgst', '-sm3', '-binary', keep('named', `${name}\n${publicPem}`)], { encoding: 'buffer' });
  const signature = await run('openssl', ['pkeyutl', '-sign', '-inkey', pem, '-rawin', '-digest', 'sm3', '-in', keep('body', body), '-pkeyopt', 'distid:1234567812345678'], { encoding: 'buffer' });
  return `${body}\n— ${name} ${Buffer.concat([hash.stdout.subarray(0, 4), signature.stdout]).toString('base64')}\n`;
}

test('a write is under a signed checkpoint, without anybody asking', async () => {
  printed = await newest();
  await insert(900001);
  const proof = await sealed();
  assert.ok(proof.checkpoint.size > sizeOf(printed), 'a new checkpoint');
  assert.ok(proof.path.length >= 1 && proof.path.length <= Math.ceil(Math.log2(proof.checkpoint.size)), 'log2 of the entries');
  assert.equal(statSync(join(city.dir, 'checkpoint.txt')).mode & 0o77, 0);
  assert.equal(readFileSync(join(city.dir, 'checkpoint.txt'), 'utf8'), await newest());
  const list = (await auditor('/api/journal/checkpoints?order=desc&limit=2')).body;
  assert.equal(list.length, 2);
  assert.ok(list[0].size > list[1].size);
  assert.equal((await auditor(`/api/journal/checkpoint?size=${list[1].size}`)).text, list[1].note);
});

test('the independent verifier: keys, proof, growth and the whole journal', async () => {
  for (let i = 0; i < 20; i++) await insert(900100 + i);
  const proof = await sealed();
  const note = await newest();
  const growth = await auditor(`/api/journal/consistency?from=${sizeOf(printed)}`);
  assert.equal(growth.status, 200, growth.text);
  const keys = keep('keys.json', (await auditor('/api/journal/keys')).text);
  const journal = keep('journal.ndjson', (await city.command('journal')).out);
  const good = await verifier('--keys', keys, '--checkpoint', keep('note.txt', note), '--journal', journal, '--proof', keep('proof.json', proof), '--growth', keep('growth.json', growth.body));
  assert.equal(good.code, 0, good.err);
  assert.match(good.out, /growth: the \d+ entries .* are the beginning of the \d+/);
  // The same on the command line beside the running server.
  const line = await city.command('prove', String(proof.seq));
  assert.equal(line.code, 0, line.err);
  assert.equal(JSON.parse(line.out).digest, proof.digest);
  assert.equal((await city.command('checkpoint', String(sizeOf(printed)))).out, printed);
  // A changed proof, a changed journal, a shortened one, another's checkpoint: each is told.
  const other = { ...proof, digest: proof.digest.replace(/^./, (c) => (c === '0' ? '1' : '0')) };
  assert.equal((await verifier('--keys', keys, '--proof', keep('bad.json', other))).code, 1);
  const lines = readFileSync(journal, 'utf8').trimEnd().split('\n');
  const at = lines.findIndex((l, i) => i >= 5000 && l.includes('"op":"insert"'));
  const changed = lines.map((l, i) => (i === at ? l.replace('"op":"insert"', '"op":"delete"') : l));
  const told = await verifier('--keys', keys, '--checkpoint', keep('note.txt', note), '--journal', keep('changed.ndjson', changed.join('\n')));
  assert.match(told.err, new RegExp(`entry ${JSON.parse(lines[at]).seq} does not have the content`));
  const short = await verifier('--keys', keys, '--checkpoint', keep('note.txt', note), '--journal', keep('short.ndjson', lines.slice(0, sizeOf(note) - 3).join('\n')));
  assert.match(short.err, /missing at the end/);
  assert.equal((await verifier('--keys', keys, '--checkpoint', keep('forged.txt', note.replace(/\n(\d+)\n/, '\n1$1\n')))).code, 1);
});

test('who may ask: checkpoints every user, a proof only who may read the entry', async () => {
  assert.equal((await fetch(`${city.url}/api/journal/checkpoint`)).status, 401);
  assert.equal((await citizen('/api/journal/checkpoint')).status, 200);
  assert.equal((await citizen('/api/journal/keys')).status, 200);
  const [entry] = (await auditor('/api/journal?entity=project&order=desc&limit=1')).body;
  const [secret] = (await auditor('/api/journal?entity=people_user&order=desc&limit=1')).body;
  assert.equal((await steward(`/api/journal/${entry.seq}/proof`)).status, 200, 'may read the project');
  assert.equal((await citizen(`/api/journal/${entry.seq}/proof`)).status, 404);
  assert.equal((await steward(`/api/journal/${secret.seq}/proof`)).status, 404, 'an entry about accounts is the auditor\'s');
  assert.equal((await auditor(`/api/journal/${secret.seq}/proof`)).status, 200);
  for (const bad of ['0', '-1', 'x', '99999999999999999999', '999999999'])
    assert.equal((await auditor(`/api/journal/${bad}/proof`)).status, 404, bad);
  assert.equal((await auditor(`/api/journal/${entry.seq}/proof?size=1`)).status, 404);
  assert.equal((await auditor('/api/journal/consistency')).status, 400);
  assert.equal((await auditor('/api/journal/consistency?from=7')).status, 404);
});

test('a kept checkpoint is held against the journal; a new key goes on from the old', async () => {
  await city.stop();
  copyFileSync(join(city.dir, 'keys/seal-1.pem'), beside('seal-1.pem'));
  const rotated = await city.command('rotate-seal-key');
  assert.equal(rotated.code, 0, rotated.err);
  await city.serve();
  auditor = await city.as('auditor');
  steward = await city.as('steward');
  await insert(900500);
  await sealed();
  const note = await newest();
  assert.match(note, /\/2 /, 'signed by the second key');
  const keys = (await auditor('/api/journal/keys')).body;
  assert.equal(keys.length, 2);
  const growth = (await auditor(`/api/journal/consistency?from=${sizeOf(printed)}`)).body;
  const good = await verifier('--keys', keep('keys.json', keys), '--checkpoint', keep('note.txt', note), '--growth', keep('growth.json', growth));
  assert.equal(good.code, 0, good.err);
  const metrics = await (await fetch(`${city.url}/metrics`)).text();
  assert.match(metrics, /chengshu_journal_unsealable 0/);
  await city.stop();
  const file = keep('note.txt', note);
  const whole = await city.command('verify', '--checkpoint', file);
  assert.equal(whole.code, 0, whole.err);
  assert.match(whole.out, /与库外保存的相符/);
  const forged = await city.command('verify', '--checkpoint', keep('forged.txt', note.replace(/seq (\d+)/, 'seq 1$1')));
  assert.equal(forged.code, 1);
  assert.match(forged.err, /签名不对/);
});

test('the key is lost: nothing is sealed until it is replaced, and everybody is told', async () => {
  const refused = await city.command('rotate-seal-key', '--lost');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /没有遗失/);
  rmSync(join(city.dir, 'keys/seal-2.pem'));
  await city.serve();
  steward = await city.as('steward');
  await insert(900600);
  for (let i = 0; i < 600 && !/chengshu_journal_unsealable 1/.test(await (await fetch(`${city.url}/metrics`)).text()); i++) await new Promise((done) => setTimeout(done, 100));
  await city.stop();
  const lost = await city.command('rotate-seal-key');
  assert.equal(lost.code, 1);
  assert.match(lost.err, /seal-2\.pem/);
  const replaced = await city.command('rotate-seal-key', '--lost');
  assert.equal(replaced.code, 0, replaced.err);
  await city.serve();
  auditor = await city.as('auditor');
  await sealed();
  const note = await newest(), keys = (await auditor('/api/journal/keys')).body;
  assert.match(note, /\/3 /);
  assert.deepEqual(keys.map((k) => k.endorsed_by), [1, 1, 3]);
  const told = (await auditor('/api/journal?entity=seal_key&order=desc&limit=5')).body;
  assert.deepEqual(told.map((e) => [e.op, e.record]), [['replace_lost', '3'], ['rotate', '2']]);
  const args = ['--keys', keep('keys.json', keys), '--checkpoint', keep('note.txt', note)];
  const unknown = await verifier(...args);
  assert.equal(unknown.code, 1);
  const mark = unknown.err.match(/fingerprint is ([0-9a-f]{64})/)[1];
  assert.equal((await verifier(...args, '--accept-key', `3:${mark.replace(/./, (c) => (c === '0' ? '1' : '0'))}`)).code, 1);
  const known = await verifier(...args, '--accept-key', `3:${mark}`);
  assert.equal(known.code, 0, known.err);
  // an old key that somebody kept signs nothing that comes after its time
  const late = await signedBy(beside('seal-1.pem'), keys[0].public, 1, note.slice(0, note.indexOf('\n\n') + 1));
  const after = await verifier('--keys', args[1], '--checkpoint', keep('late.txt', late), '--accept-key', `3:${mark}`);
  assert.equal(after.code, 1);
  assert.match(after.err, /key 1 was not in use/);
  await city.stop();
  const theirs = await city.command('verify', '--checkpoint', keep('late.txt', late));
  assert.equal(theirs.code, 1);
  assert.match(theirs.err, /1 号密钥那时不在用/);
  const whole = await city.command('verify');
  assert.equal(whole.code, 0, whole.err);
  assert.match(whole.out, /1 把封存密钥是前一把遗失后启用的/);
});
