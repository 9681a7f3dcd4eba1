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
