// SPDX-License-Identifier: MulanPSL-2.0
// The pages of the three administrators and of the stewards, each with the permission it needs.
export const adminParts = [
  { part: 'users', title: '用户', permission: 'users.manage' },
  { part: 'packs', title: '系统包', permission: 'city.admin' },
  { part: 'tasks', title: '后台任务', permission: 'city.admin' },
  { part: 'grants', title: '授权', permission: 'roles.manage' },
  { part: 'access', title: '以其身份查看', permission: 'roles.manage' },
  { part: 'approvals', title: '待批准', permission: 'approvals.decide' },
  { part: 'reactions', title: '反应与死信', permission: 'reactions.manage' },
  { part: 'journal', title: '日志', permission: 'journal.read' },
] as const;
