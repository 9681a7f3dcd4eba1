// SPDX-License-Identifier: MulanPSL-2.0
// 门户
import { createApp } from 'vue';
import '../theme.css';
import './portal.css';
import App from './App.vue';

createApp(App).mount('#app');
