/* SPDX-License-Identifier: MulanPSL-2.0 */
/* serve: opens the city and the door, prints where, waits for a signal, closes gracefully. */
#include "main/main.h"

#include "base/log.h"
#include "http/http.h"
#include <signal.h>
#include <unistd.h>

/* The signals that end the server are taken by sigwait; blocked before any thread is made. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* scheme://host[:port], nothing behind: it is put before paths. */
static int check_public_url(const char *url, Err *err)
{
    Str s = str_c(url), host = str_from(s, (size_t)(str_starts(s, S("https://")) ? 8 : 7));
    bool good = str_starts(s, S("https://")) || str_starts(s, S("http://"));
    for (size_t i = 0; i < host.n; i++)
        good &= (unsigned char)host.p[i] > 0x20 && !strchr("/?#\"<>\\", host.p[i]);
    if (!url || (good && host.n && s.n < 200)) return 0;
    return err_set(err, ERR_USAGE, "--public-url 要写成 https://city.example，后面不带斜杠");
}

/* Stops the first n rooms. */
static void stop(OpenCity *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (engines[i]->stop) engines[i]->stop(&c->city);
}

/* *ret_n: how many rooms run now; also when one did not start, so that no thread outlives the store. */
static int start(OpenCity *c, size_t *ret_n, Err *err)
{
    for (*ret_n = 0; engines[*ret_n]; ++*ret_n)
        if (engines[*ret_n]->start) TRY(engines[*ret_n]->start(&c->city, err));
    return 0;
}

static int answer(Options *o, OpenCity *c, const sigset_t *set, Err *err)
{
    HttpOptions ho = {.listen = o->listen ? o->listen : "127.0.0.1:8080",
                      .authenticate = people_authenticate};
    Http *h;
    int sig;
    TRY(http_start(&c->city, engines, &ho, &h, err));
    int rc = store_announce(c->store, http_url(h), err);
    if (rc == 0) {
        printf("listening %s\n", http_url(h));
        fflush(stdout);
        log_event(LOG_INFO, "serving", S(""), "url", http_url(h), "data", o->data, NULL);
        sigwait(set, &sig);
        log_event(LOG_INFO, "stopping", S(""), "signal", sig == SIGINT ? "INT" : "TERM", NULL);
    }
    http_stop(h);
    return rc;
}

static int run(Options *o, OpenCity *c, Err *err)
{
    sigset_t set;
    size_t n;
    block_signals(&set);
    TRY(check_public_url(o->public_url, err));
    TRY(city_open(o, NULL, false, c, err));
    c->city.public_url = o->public_url;
    int rc = start(c, &n, err);
    if (rc == 0) rc = answer(o, c, &set, err);
    stop(c, n);
    return rc;
}

int cmd_serve(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return run(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}

static int set_password(Options *o, OpenCity *c, Err *err)
{
    char line[2048]; /* longer than any password may be, so that one is refused and not cut */
    if (!o->user) return err_set(err, ERR_USAGE, "缺少 --user");
    TRY(city_open(o, NULL, false, c, err));
    if (isatty(STDIN_FILENO)) fprintf(stderr, "新口令：");
    if (!fgets(line, sizeof line, stdin)) return err_set(err, ERR_USAGE, "标准输入里没有口令");
    Str password = str_trim(str_c(line));
    TRY(people_set_password(&c->city, str_c(o->user), password, err));
    printf("%s 的口令已重设；登录中的会话都已结束，第二重验证要重新登记\n", o->user);
    return 0;
}

int cmd_password(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return set_password(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}

static int revoke_role(Options *o, OpenCity *c, Err *err)
{
    if (!o->user || o->n_args != 1) return err_set(err, ERR_USAGE, "要写 --user 和一个角色名");
    TRY(city_open(o, NULL, false, c, err));
    TRY(people_revoke(&c->city, str_c(o->user), str_c(o->args[0]), err));
    printf("%s 不再有角色 %s\n", o->user, o->args[0]);
    return 0;
}

int cmd_revoke(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return revoke_role(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}
