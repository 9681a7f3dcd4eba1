// SPDX-License-Identifier: MulanPSL-2.0
import { ref } from 'vue';

export const online = ref(navigator.onLine);
addEventListener('online', () => { online.value = true; });
addEventListener('offline', () => { online.value = false; });
