/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/pack_insight.h"

#include <stddef.h>

static const char *const directions[] = {"more", "less", NULL};
static const char *const periods[] = {"day", "week", "month", "quarter", "year", NULL};
static const char *const sources[] = {"reported", "none", NULL};
static const char *const ops[] = {"ge", "gt", "le", "lt", "hold", NULL};

#define AT(T, f) offsetof(T, f)

const PackKey measure_keys[] = {
    {"entity", PACK_NAME, AT(MeasureFile, entity), .required = true, .title = "统计哪个实体的记录"},
    {"where", PACK_TEXT, AT(MeasureFile, where),
     .title = "只统计符合这些条件的记录，写法同 /api/records 的条件"},
    {"on", PACK_NAME, AT(MeasureFile, on), .title = "日期字段：只统计它落在周期内的记录"},
    {"count", PACK_BOOL, AT(MeasureFile, count), .title = "记录数（缺省）"},
    {"sum", PACK_NAME, AT(MeasureFile, sum), .title = "这个数字字段之和"},
    {"avg", PACK_NAME, AT(MeasureFile, avg), .title = "这个数字字段的平均值"},
    {0}};
const PackKey ratio_keys[] = {
    {"num", PACK_OBJECT, AT(RatioFile, num), .required = true, .item = measure_keys, .title = "分子"},
    {"den", PACK_OBJECT, AT(RatioFile, den), .required = true, .item = measure_keys, .title = "分母"},
    {"times", PACK_INT, AT(RatioFile, times), .title = "乘以多少，缺省 100（百分比）"},
    {0}};
const PackKey target_keys[] = {
    {"year", PACK_INT, AT(TargetFile, year), .required = true, .title = "年份"},
    {"value", PACK_TEXT, AT(TargetFile, value), .required = true, .title = "目标值"},
    {"op", PACK_CHOICE, AT(TargetFile, op), .choices = ops, .title = "比较方式；缺省 ge，越少越好的指标 le"},
    {"text", PACK_TEXT, AT(TargetFile, text), .title = "规划里的写法"},
    {0}};
const PackKey baseline_keys[] = {
    {"year", PACK_INT, AT(TargetFile, year), .required = true, .title = "年份（取年末）"},
    {"value", PACK_TEXT, AT(TargetFile, value), .required = true, .title = "基期值"},
    {0}};
const PackKey indicator_keys[] = {
    {"id", PACK_NAME, AT(IndicatorFile, id), .required = true, .title = "指标的名字，全市唯一"},
    {"no", PACK_INT, AT(IndicatorFile, no), .title = "在规划里的序号"},
    {"title", PACK_TEXT, AT(IndicatorFile, title), .required = true, .title = "中文名"},
    {"group", PACK_TEXT, AT(IndicatorFile, group), .required = true, .title = "类别"},
    {"unit", PACK_TEXT, AT(IndicatorFile, unit), .title = "单位"},
    {"direction", PACK_CHOICE, AT(IndicatorFile, direction), .choices = directions,
     .title = "more 越多越好（缺省），less 越少越好"},
    {"definition", PACK_TEXT, AT(IndicatorFile, definition), .required = true, .title = "含义"},
    {"of", PACK_OBJECT, AT(IndicatorFile, of), .item = measure_keys, .title = "由记录算出：一个量"},
    {"ratio", PACK_OBJECT, AT(IndicatorFile, ratio), .item = ratio_keys, .title = "由记录算出：两个量之比"},
    {"source", PACK_CHOICE, AT(IndicatorFile, source), .choices = sources,
     .title = "不由记录算出：reported 填报，none 尚无数据来源"},
    {"period", PACK_CHOICE, AT(IndicatorFile, period), .choices = periods, .title = "周期，缺省 month"},
    {"by", PACK_TEXTS, AT(IndicatorFile, by), .title = "维度：region 或实体的 enum、org、ref 字段"},
    {"past", PACK_INT, AT(IndicatorFile, past), .title = "也算出过去几个周期的值；有 on 时缺省 12，否则 0"},
    {"targets", PACK_LIST_OF, AT(IndicatorFile, targets), .item = target_keys, .title = "各年目标"},
    {"baseline", PACK_OBJECT, AT(IndicatorFile, baseline), .item = baseline_keys, .title = "基期"},
    {"org", PACK_TEXT, AT(IndicatorFile, org), .title = "责任机构的代码"},
    {"departments", PACK_TEXTS, AT(IndicatorFile, departments), .title = "数据来源部门"},
    {"version", PACK_INT, AT(IndicatorFile, version), .title = "口径的版本，缺省 1；口径变了就加一"},
    {0}};
const PackKey indicators_keys[] = {
    {"indicators", PACK_LIST_OF, 0, .required = true, .item = indicator_keys, .title = "指标"}, {0}};
