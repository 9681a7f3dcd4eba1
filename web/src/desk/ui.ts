// SPDX-License-Identifier: MulanPSL-2.0
// The controls of Element Plus that the desk uses, each with its own style sheet, so that the first load stays small.
import 'element-plus/es/components/base/style/css';
import 'element-plus/es/components/message/style/css';
import 'element-plus/es/components/message-box/style/css';
import { ElMessage, ElMessageBox } from 'element-plus';

/** A short word at the foot of the page that goes by itself; read out by screen readers. */
export const say = (message: string, type: 'success' | 'info' | 'warning' | 'error' = 'success') => {
  ElMessage({ message, type, grouping: true, showClose: true, duration: type === 'error' ? 8000 : 3500 });
};
/** Asks before something that cannot be taken back; false: no. */
export async function ask(title: string, message: string, yes: string): Promise<boolean> {
  try {
    await ElMessageBox.confirm(message, title, { confirmButtonText: yes, cancelButtonText: '取消', type: 'warning', closeOnClickModal: false });
    return true;
  } catch { return false; }
}
