// SPDX-License-Identifier: MulanPSL-2.0
// Calls to the server. A refusal becomes a Problem (RFC 9457), whatever its form was.

import type { paths } from './api-types';

/** `/api/users/{user}` stands for every address of this form. */
type Fill<P extends string> = P extends `${infer A}{${string}}${infer B}` ? `${A}${string}${Fill<B>}` : P;
type Route = Fill<keyof paths & string> | `/api/records/${string}`;
/** An address of the server: a route that it does not have is an error when the pages are built. */
export type Address = Route | `${Route}?${string}`;

export interface FieldError { pointer: string; detail: string }

export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  readonly pointer: string;
  readonly hint: string;
  readonly trace: string;
  readonly errors: FieldError[];
  constructor(status: number, body: Record<string, unknown>) {
    super(String(body.detail ?? body.title ?? '操作没有成功'));
    this.status = status;
    this.type = String(body.type ?? '');
    this.pointer = String(body.pointer ?? '');
    this.hint = String(body.hint ?? '');
    this.trace = String(body.trace ?? '');
    this.errors = Array.isArray(body.errors) ? body.errors as FieldError[] : [];
  }
}

export interface CallOptions { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal }
export interface Answer<T> { data: T; headers: Headers; status: number }

let onSignedOut: () => void = () => {};
/** What to do when the server no longer knows who we are. */
export function whenSignedOut(fn: () => void) { onSignedOut = fn; }

/** One request. A Blob goes as it is, text as text, anything else as JSON; undefined: no body. */
export async function call<T = unknown>(method: string, path: Address, { body, headers = {}, signal }: CallOptions = {}): Promise<Answer<T>> {
  const init: RequestInit = { method, signal, credentials: 'same-origin' };
  const all: Record<string, string> = { Accept: 'application/json', ...headers };
  if (body instanceof Blob || typeof body === 'string') init.body = body;
  else if (body !== undefined) {
    init.body = JSON.stringify(body);
    all['Content-Type'] ??= 'application/json';
  }
  init.headers = all;
  let answer: Response, text: string;
  try {
    answer = await fetch(path, init);
    text = await answer.text();
  } catch (e) {
    if ((e as Error).name === 'AbortError') throw e;
    throw new Problem(0, { detail: '连不上服务器', hint: '请检查网络后重试，已填写的内容还在' });
  }
  let data: unknown = null;
  try { data = text ? JSON.parse(text) : null; } catch { data = text; }
  if (!answer.ok) {
    if (answer.status === 401 && !path.startsWith('/api/session')) onSignedOut();
    throw new Problem(answer.status, data && typeof data === 'object' ? data as Record<string, unknown> : { detail: `服务器答复 ${answer.status}` });
  }
  return { data: data as T, headers: answer.headers, status: answer.status };
}

export const get = async <T>(path: Address, options?: CallOptions): Promise<T> => (await call<T>('GET', path, options)).data;
export const post = async <T>(path: Address, body?: unknown, options?: CallOptions): Promise<T> => (await call<T>('POST', path, { ...options, body })).data;

export const recordsPath = (entity: string): `/api/records/${string}` => `/api/records/${encodeURIComponent(entity)}`;
export const recordPath = (entity: string, id: string): `/api/records/${string}` => `${recordsPath(entity)}/${encodeURIComponent(id)}`;
/** A value inside or=(…) and in.(…): quoted, so that commas and brackets are only text. */
export const quoted = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
/** What went wrong, in words for a person. */
export const told = (e: unknown) => (e instanceof Problem ? [e.message, e.hint].filter(Boolean).join('；') : '页面出错了，请刷新重试');
