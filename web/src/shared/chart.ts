// SPDX-License-Identifier: MulanPSL-2.0
// ECharts with only what the boards use. Tooltips are drawn, not written into the page (Trusted Types).
import { BarChart, LineChart, MapChart, PieChart } from 'echarts/charts';
import { AriaComponent, GeoComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers';

echarts.use([BarChart, LineChart, MapChart, PieChart, AriaComponent, GeoComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent, CanvasRenderer, SVGRenderer]);
export { echarts };
export const palette = ['#1558b0', '#c2571a', '#1b6e3c', '#7a4fa3', '#0f7f8c', '#8a5300', '#b3261e', '#565f6e'];
