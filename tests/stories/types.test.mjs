// SPDX-License-Identifier: MulanPSL-2.0
// The types of the pages are those of the program's own description of its routes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT } from './city.mjs';

let city;
before(async () => { city = await City.make(); await city.serve(); });
after(() => city?.remove());

test('web/src/shared/api-types.ts is what web/types.mjs makes of /api/openapi.json', async (t) => {
  if (!existsSync(join(ROOT, 'web/node_modules/openapi-typescript'))) return t.skip('the pages were not built here');
  const spec = (await (await city.as('admin'))('/api/openapi.json')).text;
  const made = execFileSync('node', ['types.mjs'], { cwd: join(ROOT, 'web'), input: spec, encoding: 'utf8', maxBuffer: 64 << 20 });
  const kept = readFileSync(join(ROOT, 'web/src/shared/api-types.ts'), 'utf8');
  assert.ok(made === kept, 'old: run a city, then node types.mjs < openapi.json > src/shared/api-types.ts in web/');
  return undefined;
});
