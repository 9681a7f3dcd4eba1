/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/pack_rules.h"

#include <stddef.h>

static const char *const ops[] = {"insert", "update", "delete", NULL};
static const char *const channels[] = {"inbox", "mail", "webhook", "sms", NULL};
static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};

#define AT(T, f) offsetof(T, f)

const PackKey notify_to_keys[] = {
    {"user", PACK_TEXT, AT(NotifyToFile, user), .title = "登录名"},
    {"role", PACK_NAME, AT(NotifyToFile, role), .title = "角色：有该角色的人"},
    {"org", PACK_TEXT, AT(NotifyToFile, org), .title = "机构代码，或存有机构代码的字段：该机构的人"},
    {"field", PACK_NAME, AT(NotifyToFile, field), .title = "存有登录名的字段"},
    {0}};
const PackKey notify_keys[] = {
    {"to", PACK_OBJECT, AT(NotifyFile, to), .required = true, .item = notify_to_keys, .title = "通知谁"},
    {"title", PACK_TEXT, AT(NotifyFile, title), .required = true, .title = "标题（SQL 表达式）"},
    {"text", PACK_TEXT, AT(NotifyFile, text), .title = "正文（SQL 表达式）"},
    {"channels", PACK_CHOICES, AT(NotifyFile, channels), .choices = channels, .title = "渠道，缺省 inbox"},
    {0}};
const PackKey write_keys[] = {
    {"entity", PACK_NAME, AT(WriteFile, entity), .required = true, .title = "写入哪个实体"},
    {"set", PACK_TEXT_MAP, AT(WriteFile, set), .required = true, .title = "字段: SQL 表达式"},
    {0}};
const PackKey update_keys[] = {
    {"of", PACK_NAME, AT(WriteFile, of), .title = "引用字段：改它所指的记录；缺省改本记录"},
    {"set", PACK_TEXT_MAP, AT(WriteFile, set), .required = true, .title = "字段: SQL 表达式"},
    {0}};
const PackKey call_keys[] = {
    {"url", PACK_TEXT, AT(CallFile, url), .required = true, .title = "网址"},
    {"method", PACK_CHOICE, AT(CallFile, method), .choices = methods, .title = "方法，缺省 POST"},
    {"body", PACK_TEXT, AT(CallFile, body), .title = "得出 JSON 的 SQL 表达式"},
    {"headers", PACK_TEXT_MAP, AT(CallFile, headers), .title = "请求头"},
    {0}};
const PackKey action_keys[] = {
    {"key", PACK_TEXT, AT(ActionFile, key), .title = "使其只生效一次的键（SQL 表达式）"},
    {"write", PACK_OBJECT, AT(ActionFile, write), .item = write_keys, .title = "新增一条记录"},
    {"update", PACK_OBJECT, AT(ActionFile, update), .item = update_keys, .title = "修改记录"},
    {"notify", PACK_OBJECT, AT(ActionFile, notify), .item = notify_keys, .title = "通知人"},
    {"call", PACK_OBJECT, AT(ActionFile, call), .item = call_keys, .title = "调用网址"},
    {"flow", PACK_ANY, AT(ActionFile, flow), .title = "启动流程"},
    {"raise", PACK_ANY, AT(ActionFile, raise), .title = "上报事件"},
    {"signal", PACK_ANY, AT(ActionFile, signal), .title = "给流程发信号"},
    {0}};
const PackKey on_keys[] = {
    {"record", PACK_NAME, AT(OnFile, record), .title = "哪个实体的记录变了"},
    {"ops", PACK_CHOICES, AT(OnFile, ops), .choices = ops, .title = "哪种变更，缺省全部"},
    {"fields", PACK_TEXTS, AT(OnFile, fields), .title = "只在这些字段变了时"},
    {"moment", PACK_NAME, AT(OnFile, moment), .title = "日期或时间字段"},
    {"of", PACK_NAME, AT(OnFile, of), .title = "时刻、消息、告警所属的实体"},
    {"offset", PACK_TEXT, AT(OnFile, offset), .title = "提前或推后：-3 workdays、2 days、-4 hours"},
    {"at", PACK_TEXT, AT(OnFile, at), .title = "日期字段：当天几点，缺省 00:00"},
    {"cron", PACK_TEXT, AT(OnFile, cron), .title = "分 时 日 月 周，北京时间"},
    {"message", PACK_TEXT, AT(OnFile, message), .title = "收到的消息"},
    {"alarm", PACK_TEXT, AT(OnFile, alarm), .title = "告警"},
    {0}};
const PackKey reaction_keys[] = {
    {"id", PACK_NAME, AT(ReactionFile, id), .required = true, .title = "反应的名字，包内唯一"},
    {"title", PACK_TEXT, AT(ReactionFile, title), .required = true, .title = "中文名"},
    {"on", PACK_OBJECT, AT(ReactionFile, on), .required = true, .item = on_keys, .title = "何时"},
    {"when", PACK_TEXT, AT(ReactionFile, when), .title = "须成立的 SQL 表达式"},
    {"do", PACK_LIST_OF, AT(ReactionFile, actions), .required = true, .item = action_keys, .title = "做什么"},
    {0}};
const PackKey rules_keys[] = {
    {"reactions", PACK_LIST_OF, 0, .required = true, .item = reaction_keys, .title = "反应"}, {0}};
