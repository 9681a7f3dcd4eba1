// SPDX-License-Identifier: MulanPSL-2.0
/** A path of this site, or '': never another site's address, however it is written. */
export function localPath(text: string | null | undefined): string {
  return text && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text) && text.length <= 1000 ? text : '';
}
