// SPDX-License-Identifier: MulanPSL-2.0
// 大屏
import { createApp } from 'vue';
import '../theme.css';
import './screen.css';
import App from './App.vue';

createApp(App).mount('#app');
