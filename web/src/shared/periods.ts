// SPDX-License-Identifier: MulanPSL-2.0
// The periods of an indicator, newest first, the running one included; both days belong to the period.
import { today } from './format';

export interface PeriodChoice { from: string; to: string; title: string }
const day = (y: number, m: number, d: number) => new Date(Date.UTC(y, m, d)).toISOString().slice(0, 10);

export function periods(kind: string, n = 12, now = today()): PeriodChoice[] {
  const [y, m, d] = now.split('-').map(Number);
  return Array.from({ length: n }, (_, i) => {
    if (kind === 'year') return { from: day(y - i, 0, 1), to: day(y - i, 11, 31), title: `${y - i} 年` };
    if (kind === 'quarter') {
      const q = Math.floor((m - 1) / 3) - i, from = new Date(Date.UTC(y, q * 3, 1));
      return { from: day(y, q * 3, 1), to: day(y, q * 3 + 3, 0), title: `${from.getUTCFullYear()} 年第 ${from.getUTCMonth() / 3 + 1} 季度` };
    }
    if (kind === 'month') {
      const from = new Date(Date.UTC(y, m - 1 - i, 1));
      return { from: day(y, m - 1 - i, 1), to: day(y, m - i, 0), title: `${from.getUTCFullYear()} 年 ${from.getUTCMonth() + 1} 月` };
    }
    if (kind === 'week') {
      const monday = d - (new Date(Date.UTC(y, m - 1, d)).getUTCDay() + 6) % 7 - 7 * i;
      return { from: day(y, m - 1, monday), to: day(y, m - 1, monday + 6), title: `${day(y, m - 1, monday)} 起的一周` };
    }
    return { from: day(y, m - 1, d - i), to: day(y, m - 1, d - i), title: day(y, m - 1, d - i) };
  });
}
