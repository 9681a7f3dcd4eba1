/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What the room adds to the house. */
#include "model/plan.h"
#include "model/record.h"
#include "model/record_http.h"

static const Route routes[] = {
    {"GET", "/api/changes", NULL, ROUTE_ANY_USER, changes_get, NULL, "近来各类数据变了多少"},
    {"GET", "/api/entities", NULL, ROUTE_ANY_USER, entities_get, NULL, "我可以使用的实体"},
    {"GET", "/api/entities/{entity}", NULL, ROUTE_ANY_USER, entity_get, NULL, "一个实体的字段与代码"},
    {"POST", "/api/files", NULL, ROUTE_ANY_USER | ROUTE_RAW | ROUTE_WRITES, files_post, NULL, "上传文件"},
    {"GET", "/api/files/{id}", NULL, ROUTE_ANY_USER, file_get, NULL, "下载文件"},
    {"GET", "/api/journal", "journal.read", 0, journal_get, NULL, "日志：谁在何时改了什么"},
    {"GET", "/api/me/looks", NULL, ROUTE_ANY_USER, looks_get, NULL, "谁看过我的敏感信息、为了什么"},
    {"GET", "/api/records/{entity}", NULL, ROUTE_ANY_USER, records_get, NULL, "查询记录"},
    {"POST", "/api/records/{entity}", NULL, ROUTE_ANY_USER | ROUTE_RAW | ROUTE_WRITES, records_post, NULL,
     "新增记录"},
    {"PATCH", "/api/records/{entity}", NULL, ROUTE_ANY_USER | ROUTE_RAW | ROUTE_WRITES, records_patch, NULL,
     "按条件修改记录"},
    {"DELETE", "/api/records/{entity}", NULL, ROUTE_ANY_USER | ROUTE_WRITES, records_delete, NULL,
     "按条件删除记录"},
    {"GET", "/api/records/{entity}/{id}", NULL, ROUTE_ANY_USER, record_get, NULL, "一条记录"},
    {"PATCH", "/api/records/{entity}/{id}", NULL, ROUTE_ANY_USER | ROUTE_RAW | ROUTE_WRITES, record_patch,
     NULL, "修改一条记录"},
    {"DELETE", "/api/records/{entity}/{id}", NULL, ROUTE_ANY_USER | ROUTE_WRITES, record_delete_one, NULL,
     "删除一条记录"},
    {"GET", "/api/records/{entity}/{id}/history", NULL, ROUTE_ANY_USER, record_history, NULL,
     "一条记录的历史"},
    {"GET", "/api/pages", NULL, ROUTE_ANY_USER, pages_get, NULL, "系统包声明的页面"},
    {"GET", "/api/schemas/{kind}", NULL, ROUTE_ANY_USER, schemas_get, NULL, "系统包文件的 JSON Schema"},
    {"GET", "/api/systems", NULL, ROUTE_ANY_USER, systems_get, NULL, "全部系统"},
    {0},
};

const Engine model_engine = {.name = "model", .room = &model_room, .routes = routes};
