/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The room's routes and its registration. */
#include "people/people_int.h"

#include "people_sql.h"

enum { WRITE = ROUTE_WRITES, MINE = ROUTE_ANY_USER | ROUTE_WRITES };

static const Route routes[] = {
    {"GET", "/.well-known/openid-configuration", NULL, ROUTE_PUBLIC, oidc_configuration, NULL,
     "OpenID Connect 的发现文件"},
    {"GET", "/api/approvals", "approvals.decide", 0, approvals_get, NULL, "待批准与已办结的操作"},
    {"POST", "/api/approvals/{id}/approve", "approvals.decide", WRITE, approval_approve, NULL, "批准"},
    {"POST", "/api/approvals/{id}/refuse", "approvals.decide", WRITE, approval_refuse, refuse_fields, "退回"},
    {"GET", "/api/delegations", "roles.manage", 0, delegations_get, NULL, "委托"},
    {"POST", "/api/delegations", "roles.manage", WRITE, delegation_post, delegate_fields, "登记委托"},
    {"DELETE", "/api/delegations/{id}", "roles.manage", WRITE, delegation_delete, NULL, "终止委托"},
    {"GET", "/api/grants", "roles.manage", 0, grants_get, NULL, "授权"},
    {"POST", "/api/grants", "roles.manage", WRITE, grant_post, grant_fields, "授予角色"},
    {"DELETE", "/api/grants/{id}", "roles.manage", WRITE, grant_delete, NULL, "收回角色"},
    {"GET", "/api/holdings", "roles.manage", 0, holdings_get, NULL, "任职"},
    {"POST", "/api/holdings", "roles.manage", WRITE, holding_post, hold_fields, "任职或代理"},
    {"DELETE", "/api/holdings/{id}", "roles.manage", WRITE, holding_delete, NULL, "免去任职"},
    {"GET", "/api/keys", "roles.manage", 0, keys_get, NULL, "应用的密钥"},
    {"POST", "/api/keys", "roles.manage", WRITE, key_post, key_fields, "发放密钥"},
    {"DELETE", "/api/keys/{id}", "roles.manage", WRITE, key_delete, NULL, "撤销密钥"},
    {"GET", "/api/oidc/clients", "roles.manage", 0, clients_get, NULL, "用本市账号登录的系统"},
    {"POST", "/api/oidc/clients", "roles.manage", WRITE, client_post, client_fields, "登记系统"},
    {"DELETE", "/api/oidc/clients/{id}", "roles.manage", WRITE, client_delete, NULL, "取消系统"},
    {"GET", "/api/me", NULL, ROUTE_ANY_USER, me_get, NULL, "我是谁、能做什么"},
    {"POST", "/api/me/factor", NULL, MINE, factor_post, factor_fields, "登记第二因素"},
    {"POST", "/api/me/factor/confirm", NULL, MINE, factor_confirm_post, factor_code_fields, "确认第二因素"},
    {"POST", "/api/me/factor/disable", NULL, MINE, factor_disable_post, factor_off_fields, "停用第二因素"},
    {"POST", "/api/me/password", NULL, MINE, me_password_post, password_fields, "修改自己的口令"},
    {"GET", "/api/me/sessions", NULL, ROUTE_ANY_USER, sessions_get, NULL, "自己的会话"},
    {"DELETE", "/api/me/sessions", NULL, MINE, sessions_end, NULL, "结束自己的全部会话"},
    {"DELETE", "/api/me/sessions/{id}", NULL, MINE, session_end, NULL, "结束自己的一个会话"},
    {"GET", "/api/positions", "roles.manage", 0, positions_get, NULL, "岗位"},
    {"POST", "/api/positions", "roles.manage", WRITE, position_post, position_fields, "设立岗位"},
    {"DELETE", "/api/positions/{code}", "roles.manage", WRITE, position_delete, NULL, "撤销岗位"},
    {"GET", "/api/roles", "roles.manage", 0, roles_get, NULL, "全部角色"},
    {"POST", "/api/session", NULL, ROUTE_PUBLIC | ROUTE_WRITES, session_post, people_credentials, "登录"},
    {"POST", "/api/session/challenge", NULL, ROUTE_PUBLIC, challenge_post, NULL, "证书登录的挑战"},
    {"GET", "/api/session/province", NULL, ROUTE_PUBLIC | ROUTE_WRITES, province_start, NULL,
     "去省统一身份登录"},
    {"GET", "/api/session/province/callback", NULL, ROUTE_PUBLIC | ROUTE_WRITES, province_callback, NULL,
     "从省统一身份回来"},
    {"GET", "/api/session/ways", NULL, ROUTE_PUBLIC, session_ways, NULL, "可以怎样登录"},
    {"DELETE", "/api/session", NULL, MINE, session_delete, NULL, "退出"},
    {"GET", "/api/users", "users.manage", 0, users_get, NULL, "用户"},
    {"POST", "/api/users", "users.manage", WRITE, user_post, user_fields, "建立用户"},
    {"POST", "/api/users/{user}/certificate", "users.manage", WRITE, user_certificate_post,
     certificate_fields, "登记用户的证书"},
    {"DELETE", "/api/users/{user}/certificate", "users.manage", WRITE, user_certificate_delete, NULL,
     "取消用户的证书"},
    {"POST", "/api/users/{user}/disable", "users.manage", WRITE, user_disable_post, NULL, "停用用户"},
    {"POST", "/api/users/{user}/enable", "users.manage", WRITE, user_enable_post, NULL, "启用用户"},
    {"POST", "/api/users/{user}/password", "users.manage", WRITE, user_reset_post, NULL, "重设为一次性口令"},
    {"PUT", "/api/users/{user}/subject", "roles.manage", WRITE, user_subject_put, subject_fields,
     "登记用户的省统一身份"},
    {"DELETE", "/api/users/{user}/subject", "roles.manage", WRITE, user_subject_delete, NULL,
     "取消用户的省统一身份"},
    {"DELETE", "/api/users/{user}/sessions", "users.manage", WRITE, user_sessions_end, NULL,
     "结束用户的全部会话"},
    {"GET", "/oidc/authorize", NULL, ROUTE_PUBLIC | ROUTE_WRITES, oidc_authorize, NULL,
     "OpenID Connect 授权"},
    {"GET", "/oidc/jwks", NULL, ROUTE_PUBLIC, oidc_jwks, NULL, "签名的公钥"},
    {"POST", "/oidc/token", NULL, ROUTE_PUBLIC | ROUTE_WRITES | ROUTE_RAW, oidc_token, NULL,
     "以授权码换令牌"},
    {"GET", "/oidc/userinfo", NULL, ROUTE_PUBLIC, oidc_userinfo, NULL, "登录者的信息"},
    {0},
};

static const Room people_room = {"people", sql_people_migrations, sql_people_all};

const Engine people_engine = {
    .name = "people", .room = &people_room, .routes = routes, .start = people_start, .stop = people_stop};
