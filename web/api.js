// SPDX-License-Identifier: MulanPSL-2.0
// Calls to the server. A refusal becomes a Problem, whatever its form was.

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || '操作没有成功');
    this.status = status;
    this.type = body.type || '';
    this.pointer = body.pointer || '';
    this.hint = body.hint || '';
    this.trace = body.trace || '';
    this.errors = Array.isArray(body.errors) ? body.errors : [];
  }
}

/** One request. `body` undefined = none; a Blob goes as it is, anything else as JSON. */
export async function call(method, path, { body, headers = {}, signal } = {}) {
  const init = { method, headers: { Accept: 'application/json', ...headers }, signal, credentials: 'same-origin' };
  if (body instanceof Blob) init.body = body;
  else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers['Content-Type'] = 'application/json';
  }
  let answer;
  try {
    answer = await fetch(path, init);
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Problem(0, { title: '连不上服务器', detail: '连不上服务器', hint: '请检查网络后重试，已填写的内容还在' });
  }
  const text = await answer.text();
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { /* not JSON: told below */ }
  if (!answer.ok) throw new Problem(answer.status, data && typeof data === 'object' ? data : { detail: `服务器答复 ${answer.status}` });
  return { data, headers: answer.headers, status: answer.status };
}

export const get = async (path, options) => (await call('GET', path, options)).data;

const entities = new Map();
/** Everything about an entity, code values included; kept for the session. */
export function entity(name) {
  if (!entities.has(name)) {
    const loading = get(`/api/entities/${encodeURIComponent(name)}`);
    loading.catch(() => entities.delete(name));
    entities.set(name, loading);
  }
  return entities.get(name);
}
export function forget() { entities.clear(); }

export const recordPath = (name, id) => `/api/records/${encodeURIComponent(name)}/${encodeURIComponent(id)}`;

/** A value inside or=(…) and in.(…): quoted, so that commas and brackets are only text. */
export const quoted = (text) => `"${String(text).replace(/[\\"]/g, '\\$&')}"`;
