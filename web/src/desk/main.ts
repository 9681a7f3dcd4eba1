// SPDX-License-Identifier: MulanPSL-2.0
// 工作台
import { createApp } from 'vue';
import '../theme.css';
import './desk.css';
import App from './App.vue';
import { router } from './router';
import { whenSignedOut } from '../shared/api';
import { session, signedOut } from '../shared/session';

whenSignedOut(() => { if (session.me) signedOut('登录已过期，请重新登录；没有保存的内容还在。'); });
// A request cut off by leaving the page is nobody's fault.
addEventListener('unhandledrejection', (event) => { if ((event.reason as { status?: number } | null)?.status === 0 || (event.reason as Error | null)?.name === 'AbortError') event.preventDefault(); });
createApp(App).use(router).mount('#app');
