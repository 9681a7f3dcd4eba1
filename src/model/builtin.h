/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The built-in pack: what the program itself keeps as records. Written as pack files are. */

static const char builtin_system[] = "system: base\n"
                                     "no: 0\n"
                                     "title: 平台\n"
                                     "group: 平台\n"
                                     "about: 各系统共用的文件\n";

static const char builtin_file[] =
    "entity: file\n"
    "title: 文件\n"
    "label: name\n"
    "order: _created_at.desc\n"
    "fields:\n"
    "  name:       {title: 文件名, type: text, max: 255, required: true}\n"
    "  media_type: {title: 媒体类型, type: text, max: 100}\n"
    "  size:       {title: 字节数, type: int, min: 0, unit: B, required: true}\n"
    "  blob:       {title: 内容摘要（SM3）, type: text, pattern: '[0-9a-f]{64}', required: true, index: "
    "true}\n";

/* Values of indicators (insight/), there when some pack has an indicators.yaml. Only the program writes its
   fields: what people report comes through /api/indicators. Numbers have two digits after the point. */
static const char builtin_indicator_value[] =
    "entity: indicator_value\n"
    "title: 指标值\n"
    "key: code\n"
    "label: code\n"
    "region: region\n"
    "org: org\n"
    "index: [[indicator, period_from]]\n"
    "fields:\n"
    "  code:        {title: 编号, type: text, max: 200, required: true, write_roles: [program]}\n"
    "  indicator:   {title: 指标, type: text, max: 48, required: true, write_roles: [program]}\n"
    "  version:     {title: 口径版本, type: int, min: 1, required: true, write_roles: [program]}\n"
    "  period_from: {title: 周期起, type: date, required: true, write_roles: [program]}\n"
    "  period_to:   {title: 周期止, type: date, required: true, write_roles: [program]}\n"
    "  region:      {title: 区划, type: region, help: 空 = 全市, write_roles: [program]}\n"
    "  org:         {title: 责任机构, type: org, write_roles: [program]}\n"
    "  value:       {title: 值, type: decimal, scale: 2, write_roles: [program]}\n"
    "  num:         {title: 分子, type: decimal, scale: 2, write_roles: [program]}\n"
    "  den:         {title: 分母, type: decimal, scale: 2, write_roles: [program]}\n"
    "  suppressed:  {title: 人数过少不公布, type: bool, default: false, write_roles: [program]}\n"
    "  source:      {title: 来源, type: text, max: 10, required: true, pattern: 'computed|reported', "
    "write_roles: [program]}\n"
    "  computed_at: {title: 算出（填报）时间, type: datetime, required: true, write_roles: [program]}\n"
    "  journal_seq: {title: 算到的流水号, type: int, write_roles: [program]}\n"
    "  rows:        {title: 记录数, type: int, write_roles: [program]}\n"
    "  parts:       {title: 各维度的构成, type: json, write_roles: [program]}\n"
    "  lineage:     {title: 算法, type: json, write_roles: [program]}\n"
    "  digest:      {title: 数值摘要, type: text, max: 64, write_roles: [program]}\n"
    "  reported_by: {title: 填报人, type: text, max: 48, write_roles: [program]}\n"
    "  file:        {title: 依据文件, type: file, write_roles: [program]}\n"
    "  note:        {title: 说明, type: text, max: 500, write_roles: [program]}\n";
