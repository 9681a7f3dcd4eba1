// SPDX-License-Identifier: MulanPSL-2.0
import vue from '@vitejs/plugin-vue';
import { resolve } from 'node:path';
import { defineConfig } from 'vite';

// Three faces, one build. `npm run dev` answers on 5173 and hands /api to a city on CHENGSHU (127.0.0.1:8080).
const city = process.env.CHENGSHU ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': resolve(__dirname, 'src') } },
  define: { __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
  server: { proxy: Object.fromEntries(['/api', '/healthz'].map((path) => [path, { target: city, changeOrigin: false }])) },
  build: {
    target: 'es2021',
    assetsInlineLimit: 0, // the content security policy knows no data: scripts or fonts
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      input: Object.fromEntries(['index', 'screen', 'portal'].map((name) => [name, resolve(__dirname, `${name}.html`)])),
    },
  },
});
