// SPDX-License-Identifier: MulanPSL-2.0
// The pages of the desk. All state of a page stands in its address.
import { createRouter, createWebHistory } from 'vue-router';
import Home from './pages/Home.vue';

export const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? undefined,
  routes: [
    { path: '/', redirect: (to) => ({ path: '/desk', query: to.query }) },
    { path: '/desk', component: Home, meta: { title: '待办' } },
    { path: '/desk/e/:entity', component: () => import('./pages/EntityPage.vue') },
    { path: '/desk/e/:entity/import', component: () => import('./pages/ImportPage.vue') },
    { path: '/desk/e/:entity/r/:id', component: () => import('./pages/RecordPage.vue') },
    { path: '/desk/p/:page', component: () => import('./pages/DeclaredPage.vue') },
    { path: '/desk/indicators', component: () => import('./pages/IndicatorsPage.vue'), meta: { title: '指标' } },
    { path: '/desk/indicators/:id', component: () => import('./pages/IndicatorPage.vue'), meta: { title: '指标' } },
    { path: '/desk/account', component: () => import('./pages/AccountPage.vue'), meta: { title: '我的账号' } },
    { path: '/desk/inbox', component: () => import('./pages/InboxPage.vue'), meta: { title: '消息' } },
    { path: '/desk/jobs', component: () => import('./pages/JobsPage.vue'), meta: { title: '导入导出' } },
    { path: '/desk/admin/:part', component: () => import('./pages/AdminPage.vue'), meta: { title: '管理' } },
    { path: '/:rest(.*)*', component: () => import('./pages/NotFound.vue'), meta: { title: '没有这个页面' } },
  ],
});
router.afterEach((to) => { if (to.meta.title) document.title = `${String(to.meta.title)} · 城枢`; });
