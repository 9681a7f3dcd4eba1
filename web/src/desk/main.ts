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
createApp(App).use(router).mount('#app');
