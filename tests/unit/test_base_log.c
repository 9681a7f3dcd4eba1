/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/log: a line is one JSON object. */
#include "unit.h"
#include "base/json.h"
#include "base/log.h"

#include <unistd.h>

/* Runs fn with standard error in a pipe; what it wrote. */
static Str caught(Arena *a, void (*fn)(void))
{
    int fd[2], saved = dup(STDERR_FILENO);
    char text[8192];
    assert_int_equal(pipe(fd), 0);
    dup2(fd[1], STDERR_FILENO);
    fn();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fd[1]);
    ssize_t n = read(fd[0], text, sizeof text);
    close(fd[0]);
    return str_dup(a, str_n(text, n > 0 ? (size_t)n : 0));
}

static void say_event(void)
{
    log_event(LOG_INFO, "started", S("abc"), "port", "80\"80", "skip", (char *)NULL, NULL);
}
static void say_debug(void) { log_event(LOG_DEBUG, "hidden", S(""), NULL); }
static void say_err(void)
{
    Err e = ERR_INIT;
    err_set(&e, ERR_IO, "磁盘满了");
    err_at(&e, "a.yaml", 3, 4);
    log_err("import", S(""), &e);
}

static void log__line_is_one_object(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    json_t *v;
    Err err = ERR_INIT;
    Str line = caught(a, say_event);
    assert_true(str_ends(line, S("\n")));
    assert_int_equal(json_parse(a, str_trim(line), &v, &err), 0);
    assert_string_equal(json_string_value(json_object_get(v, "what")), "started");
    assert_string_equal(json_string_value(json_object_get(v, "port")), "80\"80");
    assert_string_equal(json_string_value(json_object_get(v, "trace")), "abc");
    assert_int_equal(json_parse(a, str_trim(caught(a, say_err)), &v, &err), 0);
    assert_string_equal(json_string_value(json_object_get(v, "level")), "error");
    assert_string_equal(json_string_value(json_object_get(v, "code")), "IO");
    assert_int_equal(json_integer_value(json_object_get(v, "line")), 3);
    assert_int_equal(caught(a, say_debug).n, 0);
}

static void trace__is_32_hex_and_new(void **state)
{
    (void)state;
    char one[TRACE_SIZE], two[TRACE_SIZE];
    trace_new(one);
    trace_new(two);
    assert_int_equal(strlen(one), 32);
    assert_int_equal(strspn(one, "0123456789abcdef"), 32);
    assert_string_not_equal(one, two);
}

UNIT_MAIN(cmocka_unit_test(log__line_is_one_object), cmocka_unit_test(trace__is_32_hex_and_new))
