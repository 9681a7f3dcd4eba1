// SPDX-License-Identifier: MulanPSL-2.0
// The authorisation matrix, generated: every demo user (and nobody) × every entity × read, one record, create, change,
// delete × records of several regions and organisations. What is expected is worked out here from roles.yaml alone; an
// answer that gives more than expected fails, and so does one that gives less.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT } from './city.mjs';

const USERS = {
  admin: ['admin'], security: ['security'], auditor: ['auditor'], steward: ['steward'], leader: ['leader'],
  ecology: ['official'], housing: ['official'], linwei: ['clerk'], grid1: ['grid_worker'], huayin: ['county_official'], citizen: ['citizen'],
};
const PLACE = { linwei: '610502', grid1: '610502001', huayin: '610582' };
const ORG = { ecology: 'WN-STJ', housing: 'WN-ZJJ' };

const permissions = {}; // of roles, for routes

// Grants of roles.yaml: {role: [{entities, ops, scope}]}.
function grants() {
  const roles = {};
  for (const pack of readdirSync(join(ROOT, 'systems'))) {
    const path = join(ROOT, 'systems', pack, 'roles.yaml');
    if (!existsSync(path)) continue;
    let role, current;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const name = line.match(/^ {2}([a-z_]+):\s*$/);
      if (name) (role = roles[name[1]] ??= []), (current = name[1]);
      const may = line.match(/^ {4}permissions: \[([^\]]*)\]/);
      if (may) permissions[name ? name[1] : current] = may[1].split(',').map((x) => x.trim());
      const g = line.match(/- \{entities: \[([^\]]*)\], do: \[([^\]]*)\], scope: (\w+)\}/);
      if (!g) continue;
      const list = (s) => s.split(',').map((x) => x.trim().replace(/"/g, ''));
      const ops = list(g[2]).flatMap((o) => (o === 'write' ? ['create', 'update', 'delete'] : [o]));
      role.push({ entities: list(g[1]), ops, scope: g[3] });
    }
  }
  return roles;
}

let city, roles, entities, sample, orgs;
before(async () => {
  city = await City.make();
  await city.serve();
  roles = grants();
  const steward = await city.as('steward');
  for (let i = 0; i < 100; i++) { // values of indicators come with the server's first pass
    if ((await steward('/api/records/indicator_value?region=like.610582*&limit=1')).body.length) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  entities = (await steward('/api/entities')).body.filter((e) => e.name !== 'file');
  orgs = Object.fromEntries((await steward('/api/records/org?select=code,parent')).body.map((o) => [o.code, o.parent]));
  // for every entity: records of 临渭, 华阴 and elsewhere, or of the departments, or any
  sample = {};
  for (const e of entities) {
    const where = e.region && e.region !== e.key ? [`${e.region}=like.610502*`, `${e.region}=like.610582*`, `${e.region}=like.610528*`] : [''];
    if (e.name === 'region') where.splice(0, 1, 'code=eq.610502', 'code=eq.610582');
    if (e.name === 'project') where.splice(0, 1, 'orgs=cs.{WN-STJ}', 'orgs=cs.{WN-ZJJ}', 'orgs=cs.{WN-SLJ}');
    const scope = [e.region, e.org].filter((f) => f && f !== e.key);
    sample[e.name] = [];
    const others = e.name === 'person' ? '&born_on=neq.1990-03-10' : ''; // not the citizen's own: ids, and so the order, are drawn by chance
    for (const w of where) {
      const url = `/api/records/${e.name}?${w}${others}&limit=1&select=${['id', ...scope].join(',')}`;
      const [row] = (await steward(url)).body;
      if (row) sample[e.name].push(row);
    }
  }
});
after(() => city?.remove());

const within = (code, top) => {
  for (let c = code; c; c = orgs[c]) if (c === top) return true;
  return false;
};

// Does a grant of this user cover the record?
function covers(user, op, e, row) {
  return (USERS[user] ?? []).flatMap((r) => roles[r] ?? []).some((g) => {
    if (!g.ops.includes(op) || !(g.entities.includes('*') || g.entities.includes(e.name))) return false;
    if (g.scope === 'all') return true;
    if (g.scope === 'region') return e.region && PLACE[user] && String(row[e.region] ?? row.id).startsWith(PLACE[user]);
    if (g.scope === 'org') return e.org && ORG[user] && [row[e.org] ?? []].flat().some((o) => within(o, ORG[user]));
    return false; // own: none of the sampled records is the user's
  });
}
const has = (user, op, e) => (USERS[user] ?? []).flatMap((r) => roles[r] ?? []).some((g) => g.ops.includes(op) && (g.entities.includes('*') || g.entities.includes(e.name)));

test('every user × entity × operation × record', async () => {
  let cases = 0, unexpected = 0;
  const wrong = [];
  const expect = (label, status, wanted) => {
    cases++;
    if (wanted.includes(status)) return;
    if (status < 300) unexpected++;
    wrong.push(`${label}: ${status}, expected ${wanted.join(' or ')}`);
  };
  for (const user of [null, ...Object.keys(USERS)]) {
    const who = await city.as(user);
    const base = user ? 403 : 401;
    for (const e of entities) {
      const path = `/api/records/${e.name}`, label = `${user ?? 'nobody'} ${e.name}`;
      expect(`${label} list`, (await who(`${path}?limit=1`)).status, [has(user, 'read', e) ? 200 : base]);
      const made = await who(path, { method: 'POST', json: {} });
      expect(`${label} create`, made.status, [has(user, 'create', e) ? 422 : base]);
      expect(`${label} delete many`, (await who(`${path}?id=eq.none`, { method: 'DELETE' })).status, has(user, 'delete', e) && has(user, 'read', e) ? [204, 400] : [base]);
      for (const row of sample[e.name]) {
        const one = `${path}/${encodeURIComponent(row.id)}`;
        const want = (op, yes) => (!has(user, op, e) ? [base] : covers(user, op, e, row) && covers(user, 'read', e, row) ? [yes] : [404]);
        expect(`${label} ${row.id} read`, (await who(one)).status, want('read', 200));
        expect(`${label} ${row.id} history`, (await who(`${one}/history`)).status, want('read', 200));
        expect(`${label} ${row.id} change`, (await who(one, { method: 'PATCH', json: {}, headers: { 'if-match': '"1"' } })).status, want('update', 412));
        expect(`${label} ${row.id} delete`, (await who(one, { method: 'DELETE', headers: { 'if-match': '"1"' } })).status, want('delete', 412));
      }
    }
  }
  console.log(`# ${cases} cases, ${unexpected} unexpected 2xx, ${wrong.length} otherwise not as expected`);
  assert.deepEqual(wrong, []);
  assert.ok(cases > 1000, `${cases} cases`);
});

test('every route that needs a permission × every user', async () => {
  const spec = (await (await city.as('admin'))('/api/openapi.json')).body;
  const methods = ['get', 'post', 'put', 'patch', 'delete'];
  let cases = 0, routes = 0;
  const wrong = [];
  const speakers = await Promise.all([null, ...Object.keys(USERS)].map(async (u) => [u, await city.as(u)]));
  for (const [path, item] of Object.entries(spec.paths))
    for (const method of methods.filter((m) => item[m]?.['x-permission'])) {
      const need = item[method]['x-permission'];
      routes++;
      for (const [user, who] of speakers) {
        const holds = (USERS[user] ?? []).some((r) => permissions[r]?.includes(need));
        if (holds) continue; // what it then does is the route's own test
        const json = method === 'get' ? undefined : {};
        const { status } = await who(path.replace(/\{[^}]+\}/g, 'x'), { method: method.toUpperCase(), json });
        cases++;
        if (status !== (user ? 403 : 401)) wrong.push(`${user ?? 'nobody'} ${method} ${path} (${need}): ${status}`);
      }
    }
  console.log(`# ${routes} routes with a permission, ${cases} cases`);
  assert.deepEqual(wrong, []);
  assert.ok(routes >= 20 && cases > 200, `${routes} routes, ${cases} cases`);
});

test('imports, exports and jobs: every user × entity; another user finds nothing', async () => {
  const wrong = [];
  let cases = 0;
  const expect = (label, status, wanted) => {
    cases++;
    if (status !== wanted) wrong.push(`${label}: ${status}, expected ${wanted}`);
  };
  const users = [null, ...Object.keys(USERS)];
  const speakers = Object.fromEntries(await Promise.all(users.map(async (u) => [u, await city.as(u)])));
  const own = { imports: null, exports: null }; // jobs of the steward, which nobody else may touch
  for (const user of users) {
    const who = speakers[user];
    const base = user ? 403 : 401;
    for (const e of entities) {
      const up = await who(`/api/imports?entity=${e.name}&name=a.csv`, { method: 'POST', body: 'code,title\n1,x\n' });
      expect(`${user ?? 'nobody'} import ${e.name}`, up.status, has(user, 'create', e) ? 201 : base);
      if (user === 'steward' && up.status === 201 && !own.imports) own.imports = up.body.id;
      else if (up.status === 201) expect('delete', (await who(`/api/imports/${up.body.id}`, { method: 'DELETE' })).status, 204);
      const out = await who('/api/exports', { method: 'POST', json: { entity: e.name, query: 'limit=1', format: 'csv' } });
      expect(`${user ?? 'nobody'} export ${e.name}`, out.status, has(user, 'read', e) ? 201 : base);
      if (out.status !== 201) continue;
      const path = `/api/exports/${out.body.id}`;
      for (let n = 0; n < 6000 && (await who(path)).body.state === 'running'; n++) await new Promise((done) => setTimeout(done, 10));
      expect(`${user} export ${e.name} file`, (await who(`${path}/file`)).status, 200);
      if (user === 'steward' && !own.exports) own.exports = out.body.id;
      else await who(path, { method: 'DELETE' });
    }
    if (user) assert.equal((await who('/api/jobs')).status, 200);
  }
  const spec = (await speakers.admin('/api/openapi.json')).body;
  const paths = Object.entries(spec.paths).filter(([p]) => /^\/api\/(imports|exports)\/\{id\}/.test(p));
  for (const [path, item] of paths)
    for (const method of ['get', 'post', 'patch', 'delete'].filter((m) => item[m]))
      for (const user of users.filter((u) => u !== 'steward')) {
        const id = own[path.split('/')[2]];
        const json = method === 'get' || method === 'delete' ? undefined : { rows: [{ row: 1 }] };
        const { status } = await speakers[user](path.replace('{id}', id), { method: method.toUpperCase(), json });
        expect(`${user ?? 'nobody'} ${method} ${path}`, status, user ? 404 : 401);
      }
  for (const kind of ['imports', 'exports']) assert.equal((await speakers.steward(`/api/${kind}/${own[kind]}`)).status, 200);
  console.log(`# ${paths.length} paths of jobs, ${cases} cases`);
  assert.deepEqual(wrong, []);
  assert.ok(paths.length >= 10 && cases > 300, `${paths.length} paths, ${cases} cases`);
});

test('indicators × every user: values by the rights to indicator_value, rows by those to the records behind', async () => {
  const value = entities.find((e) => e.name === 'indicator_value');
  const wrong = [];
  let cases = 0;
  for (const user of [null, ...Object.keys(USERS)]) {
    const who = await city.as(user), base = user ? 403 : 401;
    const expect = async (path, wanted, options) => {
      const { status } = await who(`/api/indicators${path}`, options);
      cases++;
      if (status !== wanted) wrong.push(`${user ?? 'nobody'} ${path}: ${status}, expected ${wanted}`);
    };
    const reads = has(user, 'read', value), reports = has(user, 'create', value);
    for (const path of ['', '/licence_valid_share', '/licence_valid_share/change']) await expect(path, reads ? 200 : base);
    for (const [id, of] of [['licence_valid_share', 'licence'], ['person_total', 'person'], ['project_total', 'project']])
      await expect(`/${id}/rows`, reads && has(user, 'read', entities.find((e) => e.name === of)) ? 200 : base);
    await expect('/plan_01/values', reports ? 400 : base, { method: 'POST', json: {} });
  }
  assert.deepEqual(wrong, []);
  assert.equal(cases, 7 * 12);
});
