/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A running server spoken to in raw bytes: access, problems, limits, workers, time-outs, streams, stopping.
 */
#include "base/clock.h"
#include "http/http.h"
#include "testdb.h"
#include "unit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 4000, ANSWER_MAX = 1 << 20 };

static int echo(Request *rq, Err *err)
{
    (void)err;
    buf_addf(&rq->out, "[%s " STR_FMT " " STR_FMT " %zu]", rq->method.n == 3 ? "GET" : "POST",
             STR_ARG(rq->params[0]), STR_ARG(rq->who->user), rq->body.n);
    return 0;
}

static int slow(Request *rq, Err *err)
{
    (void)err;
    usleep(200000);
    buf_adds(&rq->out, "slow");
    return 0;
}

static int secret(Request *rq, Err *err)
{
    (void)rq;
    return err_set(err, ERR_INTERNAL, "password=1");
}

static int unsure(Request *rq, Err *err)
{
    bool unknown = str_is(rq->params[0], "commit");
    err_set(err, unknown ? ERR_UNKNOWN : ERR_IO, "磁盘 /dev/sda");
    return err_hint(err, "先查询该记录");
}

static int invalid(Request *rq, Err *err)
{
    (void)rq;
    err_set(err, ERR_VALIDATION, "名称太短");
    return err_pointer(err, "/title");
}

static int large(Request *rq, Err *err)
{
    (void)err;
    for (int i = 0; i < 5000; i++) buf_adds(&rq->out, "[1,2,3,4],");
    return 0;
}

static const JsonField spec[] = {{.name = "a", .type = JSON_T_STR}, {0}};
static const Route routes[] = {
    {"GET", "/api/echo/{x}", NULL, ROUTE_PUBLIC, echo, NULL, "回声"},
    {"GET", "/api/invalid", NULL, ROUTE_PUBLIC, invalid, NULL, "不合格"},
    {"GET", "/api/large", NULL, ROUTE_PUBLIC, large, NULL, "大"},
    {"GET", "/api/mine", NULL, ROUTE_ANY_USER, echo, NULL, "我的"},
    {"GET", "/api/secret", NULL, ROUTE_PUBLIC, secret, NULL, "秘密"},
    {"GET", "/api/unsure/{x}", NULL, ROUTE_PUBLIC, unsure, NULL, "没有把握"},
    {"GET", "/api/special", "special", 0, echo, NULL, "特别"},
    {"POST", "/api/json", NULL, ROUTE_PUBLIC, echo, spec, "只收 JSON"},
    {"POST", "/api/mine", NULL, ROUTE_ANY_USER, echo, NULL, "我的"},
    {"POST", "/api/post", NULL, ROUTE_PUBLIC, echo, NULL, "任何人"},
    {"POST", "/api/slow", NULL, ROUTE_PUBLIC, slow, NULL, "慢"},
    {0},
};
static const Engine engine = {.name = "test", .routes = routes};
static const Engine *const engines[] = {&engine, &http_engine, NULL};

static int authenticate(Request *rq, Actor *ret, Err *err)
{
    (void)err;
    Str token = rq->header(rq, "Authorization");
    if (!token.n) token = rq->header(rq, "Cookie");
    static Str audit[] = {S("journal.read")};
    if (str_is(token, "Bearer audit")) *ret = (Actor){.user = S("audit"), .permissions = {audit, 1}};
    if (str_is(token, "Bearer li") || str_is(token, "session=li")) ret->user = S("li");
    return 0;
}

typedef struct Fixture {
    TestDb *db;
    City city;
    Model model;
    Http *http;
} Fixture;

static int setup(void **state)
{
    Fixture *f = xcalloc(1, sizeof *f);
    Err err = ERR_INIT;
    f->db = testdb_new(NULL);
    f->city = (City){.store = testdb_store(f->db), .model = &f->model, .engines = engines};
    HttpOptions o = {.listen = "127.0.0.1:0",
                     .authenticate = authenticate,
                     .public_body_bytes = BODY_MAX,
                     .idle_s = 2,
                     .stop_s = 5};
    if (http_start(&f->city, engines, &o, &f->http, &err) < 0) fail_msg("%s", err.msg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    http_stop(f->http);
    testdb_free(f->db);
    free(f);
    return 0;
}

static int dial(const Fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)http_port(f->http)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void put(int fd, Str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0) return;
        s = str_from(s, (size_t)n);
    }
}

/* Until the other side closes, `until` was read, or `ms` passed. */
static void take(int fd, Buf *out, const char *until, int ms)
{
    int64_t end = clock_mono_us() + ms * 1000;
    char part[4096];
    for (int64_t left; (left = end - clock_mono_us()) > 0;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, (int)(left / 1000) + 1) <= 0) return;
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n <= 0) return;
        buf_add(out, str_n(part, (size_t)n));
        if (until && str_find_str(buf_str(out), str_c(until)) >= 0) return;
    }
}

/* One request on a connection of its own; head without the last empty line and without Connection. */
static Str ask_with(const Fixture *f, Arena *a, const char *head, Str body)
{
    Buf out;
    buf_init(&out, ANSWER_MAX);
    int fd = dial(f);
    Str length = body.n ? str_fmt(a, "Content-Length: %zu\r\n", body.n) : S("");
    put(fd,
        str_fmt(a, "%s\r\nHost: city.test\r\nConnection: close\r\n" STR_FMT "\r\n", head, STR_ARG(length)));
    put(fd, body);
    take(fd, &out, NULL, 5000);
    close(fd);
    Str s = buf_dup(a, &out);
    buf_done(&out);
    return s;
}

static Str ask(const Fixture *f, Arena *a, const char *head) { return ask_with(f, a, head, STR_NONE); }

static void has(Str answer, const char *want)
{
    if (str_find_str(answer, str_c(want)) < 0)
        fail_msg("no \"%s\" in \"" STR_FMT "\"", want, STR_ARG(answer));
}

static void lacks(Str answer, const char *what)
{
    if (str_find_str(answer, str_c(what)) >= 0) fail_msg("\"%s\" in \"" STR_FMT "\"", what, STR_ARG(answer));
}

static void answers__as_the_table_says(void **state)
{
    static const struct {
        const char *head, *status, *text;
    } cases[] = {
        {"GET /api/echo/%E6%B8%AD?q=1 HTTP/1.1", "200", "[GET 渭"},
        {"GET /api/echo/%FF HTTP/1.1", "400", "/problems/input"},
        {"GET /api/ecco/1 HTTP/1.1", "404", "/api/echo/{x}"},
        {"PUT /api/echo/1 HTTP/1.1", "405", "Allow: GET, HEAD, OPTIONS"},
        {"TRACE /api/echo/1 HTTP/1.1", "405", "Allow: GET, HEAD, OPTIONS"},
        {"OPTIONS /api/echo/1 HTTP/1.1", "204", "Allow: GET, HEAD, OPTIONS"},
        {"HEAD /api/echo/1 HTTP/1.1", "200", "Content-Length: 10"},
        {"GET /api/mine HTTP/1.1", "401", "WWW-Authenticate"},
        {"GET /api/mine HTTP/1.1\r\nAuthorization: Bearer li", "200", "li"},
        {"GET /api/special HTTP/1.1\r\nAuthorization: Bearer li", "403", "special"},
        {"GET /api/invalid HTTP/1.1", "422", "\"pointer\":\"/title\""},
        {"GET /api/problems HTTP/1.1", "200", "/problems/unique"},
        {"GET /problems/unique HTTP/1.1", "200", "UNIQUE"},
        {"GET /problems/nothing HTTP/1.1", "404", "/api/problems"},
        {"GET /healthz HTTP/1.1", "200", "\"ok\":true"},
        {"GET /metrics HTTP/1.1", "200", "process_resident_memory_bytes"},
        {"GET / HTTP/1.1", "200", "城枢"},
        {"GET /nothing.js HTTP/1.1", "404", "/problems/not-found"},
        {"GET /../etc/passwd HTTP/1.1", "404", "/problems/not-found"},
        {"GET /api/echo/1 HTTP/1.1\r\nX-Forwarded-For: 9.9.9.9", "200", "[GET 1"},
        {"GET /api/openapi.json HTTP/1.1\r\nAuthorization: Bearer li", "200", "\"openapi\":\"3.1.0\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        Str s = ask(*state, a, cases[i].head);
        has(s, str_fmt(a, "HTTP/1.1 %s ", cases[i].status).p);
        has(s, cases[i].text);
        has(s, "X-Content-Type-Options: nosniff");
        has(s, "X-Frame-Options: DENY");
        has(s, "X-Trace-Id: ");
        has(s, "frame-ancestors 'none'; base-uri 'none'");
        has(s, "Referrer-Policy: same-origin");
        has(s, "Cache-Control: no-");
        lacks(s, "Access-Control-Allow");
        lacks(s, "libmicrohttpd");
    }
}

static void errors__hide_what_is_ours(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str s = ask(*state, a, "GET /api/secret HTTP/1.1");
    has(s, "HTTP/1.1 500");
    lacks(s, "password");
}

/* Who does not know whether it was saved looks first; nothing tells a program to repeat it. */
static void errors__unknown_outcome_is_told(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str s = ask(*state, a, "GET /api/unsure/commit HTTP/1.1"),
        refused = ask(*state, a, "GET /api/unsure/disk HTTP/1.1");
    has(s, "HTTP/1.1 503");
    has(s, "/problems/outcome-unknown");
    has(s, "\"hint\":\"先查询该记录\"");
    lacks(s, "Retry-After");
    has(refused, "HTTP/1.1 503");
    has(refused, "Retry-After: 1");
    lacks(refused, "/dev/sda");
}

static void trace__is_taken_over(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    has(ask(*state, a,
            "GET /healthz HTTP/1.1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        "X-Trace-Id: 0af7651916cd43dd8448eb211c80319c");
    lacks(
        ask(*state, a,
            "GET /healthz HTTP/1.1\r\ntraceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        "X-Trace-Id: 00000000000000000000000000000000");
}

static void cookies__act_only_from_our_own_pages(void **state)
{
    static const struct {
        const char *head, *status;
    } cases[] = {
        {"POST /api/mine HTTP/1.1\r\nAuthorization: Bearer li", "200"},
        {"POST /api/mine HTTP/1.1\r\nCookie: session=li", "403"},
        {"POST /api/mine HTTP/1.1\r\nCookie: session=li\r\nOrigin: http://city.test", "200"},
        {"POST /api/mine HTTP/1.1\r\nCookie: session=li\r\nOrigin: http://evil.test", "403"},
        {"POST /api/mine HTTP/1.1\r\nCookie: session=li\r\nOrigin: null", "403"},
        {"POST /api/mine HTTP/1.1\r\nCookie: session=li\r\nSec-Fetch-Site: same-origin", "200"},
        {"POST /api/mine HTTP/1.1\r\nCookie: session=li\r\nSec-Fetch-Site: cross-site", "403"},
        {"POST /api/post HTTP/1.1\r\nOrigin: http://evil.test", "403"},
        {"POST /api/mine HTTP/1.1\r\nAuthorization: Basic eDp5\r\nCookie: session=li\r\nOrigin: "
         "http://evil.test",
         "403"},
        {"POST /api/mine HTTP/1.1\r\nAuthorization: Bearer li\r\nOrigin: http://evil.test", "200"},
        {"GET /api/mine HTTP/1.1\r\nCookie: session=li", "200"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        has(ask(*state, a, cases[i].head), str_fmt(a, "HTTP/1.1 %s ", cases[i].status).p);
    }
}

static void heads__with_two_meanings_are_refused(void **state)
{
    static const char *const heads[] = {
        "GET /api/echo/1 HTTP/1.1\r\nHost: other.test",
        "POST /api/post HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        "POST /api/post HTTP/1.1\r\nTransfer-Encoding: gzip, chunked",
        "POST /api/post HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0",
    };
    static const char *const smuggled[] = {
        "POST /api/post HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST /api/post HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 60\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT(heads); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        Buf out;
        buf_init(&out, ANSWER_MAX);
        int fd = dial(*state);
        put(fd, str_fmt(a, "%s\r\nHost: city.test\r\n\r\n0\r\n\r\n", heads[i]));
        take(fd, &out, NULL, 1500);
        has(buf_str(&out), "HTTP/1.1 400");
        close(fd);
        buf_done(&out);
    }
    for (size_t i = 0; i < COUNT(smuggled); i++) {
        Buf out;
        buf_init(&out, ANSWER_MAX);
        int fd = dial(*state);
        put(fd, str_c(smuggled[i]));
        put(fd, S("GET /api/echo/second HTTP/1.1\r\nHost: x\r\n\r\n"));
        take(fd, &out, NULL, 1500);
        has(buf_str(&out), "HTTP/1.1 400");
        lacks(buf_str(&out), "second");
        close(fd);
        buf_done(&out);
    }
}

static void https__once_is_https_for_a_year(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    const char *header = "Strict-Transport-Security: max-age=31536000; includeSubDomains";
    has(ask(*state, a, "GET /healthz HTTP/1.1\r\nX-Forwarded-Proto: https"), header);
    has(ask(*state, a, "GET /nothing HTTP/1.1\r\nX-Forwarded-Proto: https"), header);
    lacks(ask(*state, a, "GET /healthz HTTP/1.1"), "Strict-Transport");
}

static void refusals__are_logged_with_user_and_address(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    char text[8192];
    FILE *log = tmpfile();
    int saved = dup(STDERR_FILENO);
    dup2(fileno(log), STDERR_FILENO);
    has(ask(*state, a, "GET /api/special HTTP/1.1\r\nAuthorization: Bearer li\r\nX-Forwarded-For: 192.0.2.9"),
        "HTTP/1.1 403");
    has(ask(*state, a, "GET /api/mine?phone=13800000000 HTTP/1.1"), "HTTP/1.1 401");
    has(ask(*state, a, "GET /api/mine HTTP/1.1\r\nAuthorization: Bearer li"), "HTTP/1.1 200");
    Str lines = STR_NONE, line; /* a line is written after its answer */
    for (int64_t end = clock_mono_us() + 5000000; clock_mono_us() < end; usleep(10000)) {
        ssize_t n = pread(fileno(log), text, sizeof text, 0);
        lines = str_n(text, n > 0 ? (size_t)n : 0);
        if (str_find_str(lines, S("\"status\":\"200\"")) >= 0) break;
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    fclose(log);
    lacks(lines, "13800000000");
    lacks(lines, "phone");
    assert_true(str_split(&lines, '\n', &line));
    has(line, "\"route\":\"/api/special\",\"status\":\"403\"");
    has(line, "\"from\":\"192.0.2.9\",\"user\":\"li\"");
    assert_true(str_split(&lines, '\n', &line));
    has(line, "\"from\":\"127.0.0.1\"");
    lacks(line, "\"user\"");
    assert_true(str_split(&lines, '\n', &line));
    lacks(line, "\"from\"");
}

static void bodies__are_capped(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str fits = str_n(arena_alloc(a, BODY_MAX), BODY_MAX),
        over = str_n(arena_alloc(a, BODY_MAX + 1), BODY_MAX + 1);
    has(ask_with(*state, a, "POST /api/post HTTP/1.1", fits), "4000]");
    has(ask_with(*state, a, "POST /api/post HTTP/1.1", over), "HTTP/1.1 413");
    has(ask_with(*state, a, "POST /api/post HTTP/1.1\r\nTransfer-Encoding: chunked", STR_NONE),
        ""); /* no end: closed, not stuck */
    has(ask_with(*state, a, "POST /api/json HTTP/1.1\r\nContent-Type: text/csv", S("a,b")), "HTTP/1.1 415");
    has(ask_with(*state, a, "POST /api/json HTTP/1.1\r\nContent-Type: application/json; charset=utf-8",
                 S("{}")),
        "HTTP/1.1 200");
}

static void answers__are_compressed_when_asked(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    has(ask(*state, a, "GET /api/large HTTP/1.1\r\nAccept-Encoding: br, gzip"), "Content-Encoding: gzip");
    lacks(ask(*state, a, "GET /api/large HTTP/1.1\r\nAccept-Encoding: gzip;q=0"), "Content-Encoding");
    lacks(ask(*state, a, "GET /api/large HTTP/1.1"), "Content-Encoding");
}

static void pages__are_not_sent_twice(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str s = ask(*state, a, "GET /icon.svg HTTP/1.1");
    ptrdiff_t at = str_find_str(s, S("ETag: "));
    assert_true(at > 0);
    Str tag = str_from(s, (size_t)at + 6);
    tag.n = (size_t)str_find(tag, '\r');
    has(s, "Cache-Control: no-cache");
    s = ask(*state, a, str_fmt(a, "GET /icon.svg HTTP/1.1\r\nIf-None-Match: " STR_FMT, STR_ARG(tag)).p);
    has(s, "HTTP/1.1 304");
}

/* A face answers everything below its path with its page; what a page is made of is kept for good. */
static void faces__answer_below_their_path(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    static const char *const paths[] = {"/", "/desk", "/desk/e/region?q=1", "/screen", "/portal/x"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        Str s = ask(*state, a, str_fmt(a, "GET %s HTTP/1.1", paths[i]).p);
        has(s, "HTTP/1.1 200");
        has(s, "text/html");
        has(s, "require-trusted-types-for 'script'; trusted-types vue chengshu");
    }
    has(ask(*state, a, "GET /desktop HTTP/1.1"), "HTTP/1.1 404");
    Str s = ask(*state, a, "GET /desk HTTP/1.1");
    ptrdiff_t at = str_find_str(s, S("/assets/"));
    assert_true(at > 0);
    Str asset = str_from(s, (size_t)at);
    asset.n = (size_t)str_find(asset, '"');
    has(ask(*state, a, str_fmt(a, "GET " STR_FMT " HTTP/1.1", STR_ARG(asset)).p),
        "Cache-Control: public, max-age=31536000, immutable");
}

/* Pages, assets, data and refusals alike: another site's window neither holds ours nor takes what we answer.
 */
static void answers__keep_other_windows_away(void **state)
{
    _cleanup_arena_ Arena *a = arena_new();
    static const char *const heads[] = {"GET /desk HTTP/1.1", "GET /healthz HTTP/1.1",
                                        "GET /api/echo/1 HTTP/1.1", "GET /api/none HTTP/1.1",
                                        "GET /assets/none.js HTTP/1.1"};
    for (size_t i = 0; i < COUNT(heads); i++) {
        Str s = ask(*state, a, heads[i]);
        has(s, "Cross-Origin-Opener-Policy: same-origin\r\n");
        has(s, "Cross-Origin-Resource-Policy: same-origin\r\n");
    }
}

static void *post_slow(void *p)
{
    _cleanup_arena_ Arena *a = arena_new();
    has(ask(p, a, "POST /api/slow HTTP/1.1"), "slow");
    return NULL;
}

static void writes__wait_side_by_side(void **state)
{
    pthread_t t[40];
    int64_t start = clock_mono_us();
    for (size_t i = 0; i < COUNT(t); i++) assert_int_equal(pthread_create(&t[i], NULL, post_slow, *state), 0);
    for (size_t i = 0; i < COUNT(t); i++) pthread_join(t[i], NULL);
    assert_true(clock_mono_us() - start < 4 * US_PER_SEC); /* one after the other: 8 s */
}

static void slow_senders__are_told_and_cut(void **state)
{
    Buf out;
    buf_init(&out, ANSWER_MAX);
    int fd = dial(*state), silent = dial(*state);
    put(fd, S("POST /api/post HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
    take(fd, &out, NULL, 8000);
    has(buf_str(&out), "HTTP/1.1 408");
    close(fd);
    buf_clear(&out);
    take(silent, &out, NULL, 8000);
    assert_int_equal(out.n, 0);
    close(silent);
    buf_done(&out);
}

static int add_entry(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    JournalEntry e = {.actor = S("wang"),
                      .trace = S("t"),
                      .entity = S("ghost"),
                      .record = S("r1"),
                      .op = S("insert"),
                      .after = S("{\"secret\":1}")};
    return journal_add(tx, &e, err);
}

static void stream__begins_and_ends_with_the_server(void **state)
{
    Fixture *f = *state;
    Buf out;
    Err err = ERR_INIT;
    buf_init(&out, ANSWER_MAX);
    int fd = dial(f);
    put(fd, S("GET /api/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer li\r\n\r\n"));
    take(fd, &out, "retry:", 3000);
    has(buf_str(&out), "text/event-stream");
    assert_int_equal(store_tx(f->city.store, "t", add_entry, NULL, &err), 0);
    take(fd, &out, "event: change", 500);
    lacks(buf_str(&out), "ghost"); /* li may read nothing */
    int64_t start = clock_mono_us();
    http_stop(f->http);
    f->http = NULL;
    assert_true(clock_mono_us() - start < 3 * US_PER_SEC);
    close(fd);
    buf_done(&out);
}

static void stream__brings_changes_and_resumes(void **state)
{
    Fixture *f = *state;
    Buf out;
    Err err = ERR_INIT;
    _cleanup_arena_ Arena *a = arena_new();
    buf_init(&out, ANSWER_MAX);
    int fd = dial(f);
    put(fd, S("GET /api/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer audit\r\n\r\n"));
    take(fd, &out, "id: 0\n\n", 3000);
    for (int i = 0; i < 3; i++) assert_int_equal(store_tx(f->city.store, "t", add_entry, NULL, &err), 0);
    take(fd, &out, "id: 3\n", 3000);
    has(buf_str(&out), "event: change\nid: 1\ndata: {\"seq\":1,");
    has(buf_str(&out), "\"entity\":\"ghost\",\"record\":\"r1\",\"op\":\"insert\"}");
    lacks(buf_str(&out), "secret");
    close(fd);
    buf_clear(&out);
    fd = dial(f);
    put(fd, S("GET /api/stream?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer audit\r\nLast-Event-ID: "
              "1\r\n\r\n"));
    take(fd, &out, "id: 3\n", 3000);
    has(buf_str(&out), "retry: 3000\nid: 1\n\n"); /* where it stands */
    has(buf_str(&out), "id: 2\n");
    lacks(buf_str(&out), "id: 1\ndata");
    close(fd);
    buf_clear(&out);
    fd = dial(f); /* what was written while the page was read */
    put(fd, S("GET /api/stream?back=10 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer audit\r\n\r\n"));
    take(fd, &out, "id: 3\ndata", 3000);
    has(buf_str(&out), "retry: 3000\nid: 0\n\n");
    close(fd);
    has(ask(f, a, "GET /api/stream?back=61 HTTP/1.1\r\nAuthorization: Bearer audit"), " 400 ");
    /* a client that went away is noticed without waiting for the heartbeat */
    int64_t end = clock_mono_us() + 6 * US_PER_SEC;
    const char *none = "chengshu_http_streams 0\n";
    while (str_find_str(ask(f, a, "GET /metrics HTTP/1.1"), str_c(none)) < 0 && clock_mono_us() < end)
        usleep(100000);
    has(ask(f, a, "GET /metrics HTTP/1.1"), none);
    buf_done(&out);
}

static void stop__lets_running_requests_finish(void **state)
{
    Fixture *f = *state;
    Buf out;
    buf_init(&out, ANSWER_MAX);
    int fd = dial(f);
    put(fd, S("POST /api/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
    usleep(50000);
    http_stop(f->http);
    f->http = NULL;
    take(fd, &out, NULL, 2000);
    has(buf_str(&out), "slow");
    close(fd);
    buf_done(&out);
}

static void start__refuses_wrong_addresses(void **state)
{
    static const char *const wrong[] = {"8080",    "127.0.0.1:99999", "::1:80",
                                        "[::1:80", "no such host:80", ":x"};
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        City city = {0};
        Http *h = NULL;
        Err err = ERR_INIT;
        HttpOptions o = {.listen = wrong[i]};
        assert_int_equal(http_start(&city, engines, &o, &h, &err), -(int)ERR_INPUT);
        assert_null(h);
    }
}

#define ON_SERVER(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(ON_SERVER(answers__as_the_table_says), ON_SERVER(errors__hide_what_is_ours),
          ON_SERVER(errors__unknown_outcome_is_told), ON_SERVER(trace__is_taken_over),
          ON_SERVER(cookies__act_only_from_our_own_pages), ON_SERVER(heads__with_two_meanings_are_refused),
          ON_SERVER(https__once_is_https_for_a_year), ON_SERVER(bodies__are_capped),
          ON_SERVER(refusals__are_logged_with_user_and_address),
          ON_SERVER(answers__are_compressed_when_asked), ON_SERVER(pages__are_not_sent_twice),
          ON_SERVER(faces__answer_below_their_path), ON_SERVER(answers__keep_other_windows_away),
          ON_SERVER(writes__wait_side_by_side), ON_SERVER(slow_senders__are_told_and_cut),
          ON_SERVER(stream__begins_and_ends_with_the_server), ON_SERVER(stream__brings_changes_and_resumes),
          ON_SERVER(stop__lets_running_requests_finish), cmocka_unit_test(start__refuses_wrong_addresses))
