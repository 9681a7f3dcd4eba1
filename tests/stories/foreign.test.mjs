// SPDX-License-Identifier: MulanPSL-2.0
// Other people's tables into entities declared in a test pack, without a line of C: land transactions of Taipei, hygiene
// inspections of San Francisco, service requests of New York in five shapes.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { City, ROOT, SHARED } from './city.mjs';

const PACKS = join(ROOT, 'tests/packs/foreign');
const map = (name) => join(PACKS, '90-foreign/maps', `${name}.yaml`);
const data = (path) => join(SHARED, 'data', path);
const there = existsSync(data('food-inspections-sf'));
let city;

before(async () => (city = await City.make({ systems: PACKS, demo: false })));
after(() => city?.remove());

async function load(entity, file, mapName, mode = 'insert') {
  const r = await city.command('import', entity, data(file), '--map', map(mapName), '--mode', mode);
  const m = r.out.match(/accepted (\d+), rejected (\d+)\s*$/);
  assert.ok(m, r.out + r.err);
  const skipped = Number(r.out.match(/skipped (\d+)/)?.[1] ?? 0);
  return { accepted: Number(m[1]), rejected: Number(m[2]), skipped };
}

const cases = [
  ['land_transaction', 'land-transactions-taipei/a_lvr_land_a.csv', 'land-taipei', 8841],
  ['food_business', 'food-inspections-sf/businesses.csv', 'food-business', 6399],
  ['food_inspection', 'food-inspections-sf/inspections.csv', 'food-inspection', 14233],
  ['food_violation', 'food-inspections-sf/violations.csv', 'food-violation', 39006],
  ['service_request', 'service-requests-nyc311/nyc311-animals-2010-2025.csv', 'nyc311-portal', 5895],
  ['service_request', 'service-requests-nyc311/nyc311-mixed-2018.csv', 'nyc311-portal', 1000],
  ['service_request', 'service-requests-nyc311/nyc311-animals-2025-excel.csv', 'nyc311-excel', 4969],
  ['service_request', 'service-requests-nyc311/nyc311-api-2024a.csv', 'nyc311-api', 1000],
  ['service_request', 'service-requests-nyc311/nyc311-api-2024b.csv', 'nyc311-api', 1000],
];

for (const [entity, file, mapName, rows] of cases)
  test(`${file}: ${rows} rows`, { skip: !there }, async () => {
    const o = await load(entity, file, mapName, 'upsert');
    console.log(`# ${file}: accepted ${o.accepted}, rejected ${o.rejected}, skipped ${o.skipped}`);
    assert.equal(o.accepted + o.rejected + o.skipped, rows);
    assert.ok(o.rejected < rows / 50, `${o.rejected} rejected`);
  });

test('the same file again changes nothing', { skip: !there }, async () => {
  const before_ = (await city.command('verify')).out.match(/日志头 (\d+)/)[1];
  await load('service_request', 'service-requests-nyc311/nyc311-api-2024a.csv', 'nyc311-api', 'upsert');
  assert.equal((await city.command('verify')).out.match(/日志头 (\d+)/)[1], before_);
});
