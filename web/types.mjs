// SPDX-License-Identifier: MulanPSL-2.0
// src/shared/api-types.ts from a city's OpenAPI description: node types.mjs < openapi.json > src/shared/api-types.ts
// Only the program's own routes: those of entities differ from city to city and are read at run time.
import openapiTS, { astToString } from 'openapi-typescript';
import { readFileSync } from 'node:fs';

const spec = JSON.parse(readFileSync(0, 'utf8'));
spec.paths = Object.fromEntries(Object.entries(spec.paths).filter(([path]) => !path.startsWith('/api/records/')).sort(([a], [b]) => (a < b ? -1 : 1)));
spec.components.schemas = { Problem: spec.components.schemas.Problem };
delete spec.servers;
const text = astToString(await openapiTS(spec, { alphabetize: true }));
process.stdout.write(`// SPDX-License-Identifier: MulanPSL-2.0\n// Made by web/types.mjs from /api/openapi.json; tests/stories/types.test.mjs says when it is old.\n${text}`);
