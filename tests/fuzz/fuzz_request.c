/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Whole calls, from the target to the answer, in a city of its own on SQLite: the router, the input spec of
 * every route, what headers ask for, forms, cookies, keys, every body. An input is the actor's letter, the
 * method, the target and headers, each on a line; an empty line; the body. Whatever comes, the answer is no
 * fault of the server, an error has a message, and JSON is JSON. The socket, its head and its limits are
 * tests/stories/hostile.test.mjs's.
 */
#include "base/sm.h"
#include "base/text.h"
#include "http/router.h"
#include "insight/insight.h"
#include "model/search.h"
#include "model/url.h"
#include "people/people.h"
#include "rule/rule.h"

#include "../unit/testcity.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS_MAX = 20, ANSWER_MAX = 8 << 20 };

static const Engine *const engines[] = {&model_engine,  &search_engine,  &rule_engine,
                                        &people_engine, &insight_engine, NULL};
static struct Fixture {
    TestCity *test;
    City city;
    Router router;
    Actor actors[4];
} all;

static _Noreturn void die(const char *what, const Err *err)
{
    fprintf(stderr, "fuzz_request: %s: %s\n", what, err->msg);
    _exit(1);
}

static void stop(void)
{
    for (size_t i = sizeof engines / sizeof *engines - 1; i-- > 0;)
        if (engines[i]->stop) engines[i]->stop(&all.city);
    calendar_free(all.city.calendar);
    router_done(&all.router);
    testcity_free(all.test);
}

static void start(void)
{
    static Str permissions[] = {S("approvals.decide"), S("city.admin"),   S("journal.read"),
                                S("reactions.manage"), S("roles.manage"), S("users.manage")};
    const Room *rooms[] = {rule_engine.room, people_engine.room, insight_engine.room, NULL};
    Err err = ERR_INIT;
    setenv("TMPDIR", "/dev/shm", 0); /* commits cost nothing there */
    all.test = testcity_new("small", true);
    if (store_migrate(all.test->store, rooms, NULL, &err) < 0) die("migrate", &err);
    all.city = (City){.store = all.test->store,
                      .model = all.test->m,
                      .calendar = calendar_new(),
                      .dir = testdb_dir(all.test->db),
                      .engines = engines};
    if (router_init(&all.router, engines, &err) < 0) die("router", &err);
    for (size_t i = 0; engines[i]; i++)
        if (engines[i]->start && engines[i]->start(&all.city, &err) < 0) die(engines[i]->name, &err);
    all.actors[1] = testcity_actor(all.test, "keeper", "keeper", "A", "610502");
    all.actors[2] = testcity_actor(all.test, "local", "local", "A", "610502");
    all.actors[3] = testcity_actor(all.test, "officer", "reader", "A", "610502");
    all.actors[3].permissions = (StrList){permissions, sizeof permissions / sizeof *permissions};
    atexit(stop);
}

/* --- one call --- */

typedef struct Heads {
    Str name[HEADERS_MAX], value[HEADERS_MAX];
    size_t n;
} Heads;

static Str header(const Request *rq, const char *name)
{
    const Heads *h = rq->server;
    for (size_t i = 0; i < h->n; i++)
        if (str_ieq(h->name[i], str_c(name))) return h->value[i];
    return STR_NONE;
}

/* What the server would not let through does not come here either. */
static bool read_heads(Str *rest, Heads *ret)
{
    Str line;
    while (str_split(rest, '\n', &line) && line.n) {
        ptrdiff_t colon = str_find(line, ':');
        if (colon < 0 || ret->n == HEADERS_MAX || memchr(line.p, 0, line.n)) return false;
        ret->name[ret->n] = str_n(line.p, (size_t)colon);
        ret->value[ret->n++] = str_trim(str_from(line, (size_t)colon + 1));
    }
    return true;
}

static void check_answer(const Request *rq)
{
    json_t *tree;
    Err err = ERR_INIT;
    assert(rq->status >= 200 && rq->status < 500);
    for (size_t i = 0; i < rq->n_headers; i++)
        for (size_t k = 0; k < rq->headers[i].value.n; k++)
            assert((uint8_t)rq->headers[i].value.p[k] >= 32); /* nothing ends a header's line */
    bool is_json =
        !rq->content_type || strstr(rq->content_type, "/json") || strstr(rq->content_type, "+json");
    if (!is_json || !rq->out.n || rq->file_fd >= 0) return;
    assert(!rq->out.over && json_parse(rq->arena, buf_str(&rq->out), &tree, &err) == 0);
}

static void handle(Request *rq, const Route *route)
{
    Err err = ERR_INIT;
    if (route->flags & ROUTE_FILE && rq->body.n) {
        rq->body_fd = open(all.city.dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        rq->body_size = write(rq->body_fd, rq->body.p, rq->body.n);
        rq->body = S("");
    }
    int rc = rq->admit ? rq->admit(rq, &err) : 0;
    if (rc == 0) rc = route->handle(rq, &err);
    if (rc == 0) return check_answer(rq);
    assert(err.code > ERR_NONE && err.code < ERR_N && err.msg[0]); /* its UTF-8 is the writer's business */
    if (err_status(err.code) >= 500 && err.code != ERR_BUSY && err.code != ERR_RETRY) {
        fprintf(stderr, "%s %s: %s: %s\n", route->method, route->path, err_name(err.code), err.msg);
        abort();
    }
}

static bool may(const Actor *who, const Route *r)
{
    if (r->flags & ROUTE_PUBLIC) return true;
    return who->user.n && (!r->permission || actor_may(who, r->permission));
}

static void call(Arena *a, const Actor *who, Str method, Str target, Heads *heads, Str body)
{
    RouteMatch m;
    Err err = ERR_INIT;
    ptrdiff_t q = str_find(target, '?');
    Str path = q < 0 ? target : str_n(target.p, (size_t)q);
    if (!path.n || path.p[0] != '/') return;
    if (router_find(&all.router, a, method, path, &m, &err) < 0) assert(err.code == ERR_INPUT && err.msg[0]);
    if (err.code || !m.entry || !may(who, m.entry->route)) return;
    Actor actor = *who;
    actor.purpose = header(&(Request){.server = heads}, "X-Purpose");
    if (!text_valid(actor.purpose)) actor.purpose = S("");
    Request rq = {.arena = a,
                  .city = &all.city,
                  .who = &actor,
                  .method = method,
                  .path = url_decode(a, path, false),
                  .query = q < 0 ? S("") : str_from(target, (size_t)q + 1),
                  .target = target,
                  .body = body,
                  .trace = S("00000000000000000000000000000001"),
                  .base_url = S("http://127.0.0.1"),
                  .remote = S("127.0.0.1"),
                  .header = header,
                  .server = heads,
                  .status = 200,
                  .file_fd = -1};
    memcpy(rq.params, m.params, sizeof rq.params);
    buf_init(&rq.out, ANSWER_MAX);
    handle(&rq, m.entry->route);
    buf_done(&rq.out);
    if (rq.file_fd >= 0) close(rq.file_fd);
    if (rq.body_fd > 0) close(rq.body_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char letters[] = "nklo"; /* nobody, keeper, local, officer */
    if (!all.test) start();
    if (size < 4) return 0;
    _cleanup_arena_ Arena *a = arena_new();
    Heads heads = {0};
    Str rest = str_n((const char *)data + 1, size - 1), line, method;
    const char *letter = memchr(letters, data[0], 4);
    if (!letter || !str_split(&rest, '\n', &line) || !str_split(&line, ' ', &method) ||
        !read_heads(&rest, &heads))
        return 0;
    call(a, &all.actors[letter - letters], method, line, &heads, rest.p ? rest : S(""));
    return 0;
}
