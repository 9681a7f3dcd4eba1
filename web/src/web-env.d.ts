// SPDX-License-Identifier: MulanPSL-2.0
/// <reference types="vite/client" />
declare module 'maplibre-gl/dist/maplibre-gl-csp' {
  import maplibre from 'maplibre-gl';
  export default maplibre;
}
