// SPDX-License-Identifier: MulanPSL-2.0
import { onUnmounted, ref } from 'vue';

/** true where the phone layout is shown. */
export function usePhone() {
  const query = matchMedia('(max-width: 720px)');
  const phone = ref(query.matches);
  const change = () => { phone.value = query.matches; };
  query.addEventListener('change', change);
  onUnmounted(() => query.removeEventListener('change', change));
  return phone;
}
