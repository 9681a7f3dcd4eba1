/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What the room adds to the house. */
#include "insight/insight_int.h"

#include "insight_sql.h"

const Room insight_room = {"insight", sql_insight_migrations, sql_insight_all};

static const Route routes[] = {{"GET", "/api/indicators", NULL, ROUTE_ANY_USER, indicators_get, NULL,
                                "全部指标：现值、目标、状态、走势"},
                               {"GET", "/api/indicators/{id}", NULL, ROUTE_ANY_USER, indicator_get, NULL,
                                "一个指标的各期值（from= to= 限日期，by=维度 加上构成），附算法与依据"},
                               {"GET", "/api/indicators/{id}/change", NULL, ROUTE_ANY_USER, indicator_change,
                                NULL, "与上一期相比，各部分对变化的贡献（from=期内任一天，by=维度）"},
                               {"GET", "/api/indicators/{id}/rows", NULL, ROUTE_ANY_USER, indicator_rows,
                                NULL, "这个数由哪些记录算出（from=期内任一天，region=县，part=num 或 den）"},
                               {"POST", "/api/indicators/{id}/values", NULL, ROUTE_ANY_USER | ROUTE_WRITES,
                                indicator_report, indicator_report_input, "填报一期的值，附依据文件"},
                               {0}};

const Engine insight_engine = {
    .name = "insight", .room = &insight_room, .routes = routes, .start = insight_start, .stop = insight_stop};
