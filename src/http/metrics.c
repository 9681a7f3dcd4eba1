/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Counting is a few relaxed additions a request; the text is made when somebody asks. */
#include "http/http_int.h"
#include "base/clock.h"

#include <inttypes.h>
#include <unistd.h>

enum { CLASSES = 6 }; /* index = status / 100; 0 is not used */

static const int64_t bounds_us[] = {1000,   2500,   5000,   10000,   25000,  50000,
                                    100000, 250000, 500000, 1000000, 5000000};
enum { BUCKETS = sizeof bounds_us / sizeof *bounds_us };

typedef struct RouteStats {
    _Atomic uint64_t status[CLASSES], bucket[BUCKETS + 1], sum_us, bytes;
} RouteStats;

struct Metrics {
    const Router *router;
    RouteStats *stats; /* one a route, and one for pages and unknown paths */
};

Metrics *metrics_new(const Router *router)
{
    Metrics *m = xcalloc(1, sizeof *m);
    m->router = router;
    m->stats = xcalloc(router->n + 1, sizeof *m->stats);
    return m;
}

void metrics_free(Metrics *m)
{
    if (!m) return;
    free(m->stats);
    free(m);
}

static void add(_Atomic uint64_t *to, uint64_t n) { atomic_fetch_add_explicit(to, n, memory_order_relaxed); }
static uint64_t get(_Atomic uint64_t *from) { return atomic_load_explicit(from, memory_order_relaxed); }

void metrics_count(Metrics *m, const RouteEntry *entry, int status, int64_t us, size_t bytes)
{
    RouteStats *s = &m->stats[entry ? (size_t)(entry - m->router->items) : m->router->n];
    int class = status / 100, b = 0;
    while (b < BUCKETS && us > bounds_us[b]) b++;
    add(&s->status[class > 0 && class < CLASSES ? class : 5], 1);
    add(&s->bucket[b], 1);
    add(&s->sum_us, us > 0 ? (uint64_t)us : 0);
    add(&s->bytes, bytes);
}

static void head(Buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void value(Buf *out, const char *name, const char *type, const char *help, double v)
{
    head(out, name, type, help);
    buf_addf(out, "%s %.15g\n", name, v);
}

typedef struct Labels {
    char text[256];
} Labels;

static Labels labels_of(const Metrics *m, size_t i)
{
    Labels l;
    const Route *r = i < m->router->n ? m->router->items[i].route : NULL;
    snprintf(l.text, sizeof l.text, "method=\"%s\",route=\"%.200s\"", r ? r->method : "GET",
             r ? r->path : "page");
    return l;
}

static void requests(Buf *out, Metrics *m)
{
    head(out, "chengshu_http_requests_total", "counter", "Answered requests.");
    for (size_t i = 0; i <= m->router->n; i++)
        for (int k = 1; k < CLASSES; k++) {
            uint64_t n = get(&m->stats[i].status[k]);
            if (n)
                buf_addf(out, "chengshu_http_requests_total{%s,status=\"%dxx\"} %" PRIu64 "\n",
                         labels_of(m, i).text, k, n);
        }
    head(out, "chengshu_http_response_bytes_total", "counter", "Bytes of answers, without headers.");
    for (size_t i = 0; i <= m->router->n; i++) {
        uint64_t n = get(&m->stats[i].bytes);
        if (n) buf_addf(out, "chengshu_http_response_bytes_total{%s} %" PRIu64 "\n", labels_of(m, i).text, n);
    }
}

static void latency(Buf *out, Metrics *m)
{
    const char *name = "chengshu_http_request_seconds";
    head(out, name, "histogram", "Time from the first line of a request to the end of its answer.");
    for (size_t i = 0; i <= m->router->n; i++) {
        RouteStats *s = &m->stats[i];
        Labels l = labels_of(m, i);
        uint64_t n = 0, all = 0;
        for (int b = 0; b <= BUCKETS; b++) all += get(&s->bucket[b]);
        if (!all) continue;
        for (int b = 0; b < BUCKETS; b++) {
            n += get(&s->bucket[b]);
            buf_addf(out, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, l.text, (double)bounds_us[b] / 1e6,
                     n);
        }
        n += get(&s->bucket[BUCKETS]);
        buf_addf(out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, l.text, n);
        buf_addf(out, "%s_sum{%s} %.6f\n", name, l.text, (double)get(&s->sum_us) / 1e6);
        buf_addf(out, "%s_count{%s} %" PRIu64 "\n", name, l.text, n);
    }
}

static double resident_bytes(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%ld %ld", &all, &pages) != 2) pages = 0;
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void process(Buf *out, Http *h)
{
    pthread_mutex_lock(&h->lock);
    int conns = h->n_conns;
    pthread_mutex_unlock(&h->lock);
    value(out, "chengshu_http_connections", "gauge", "Open connections.", conns);
    value(out, "chengshu_http_in_flight", "gauge", "Requests begun and not yet answered.",
          atomic_load(&h->in_flight));
    value(out, "chengshu_http_streams", "gauge", "Open event streams.", sse_count(h->sse));
    value(out, "chengshu_http_body_bytes", "gauge", "Request bodies in memory.",
          (double)atomic_load(&h->bodies));
    value(out, "chengshu_queue_waiting", "gauge", "Requests waiting for a worker.",
          (double)queue_waiting(h->queue));
    value(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    value(out, "process_start_time_seconds", "gauge", "Start, Unix time.", (double)h->started_us / 1e6);
    value(out, "chengshu_clock_jumps_total", "counter", "Jumps of the wall clock by a second or more.",
          (double)atomic_load(&h->clock_jumps));
    head(out, "chengshu_info", "gauge", "The program.");
    buf_addf(out, "chengshu_info{version=\"%s\"} 1\n", http_version());
}

static void store(Buf *out, const Store *s)
{
    StoreStats st = {0};
    if (!s) return;
    store_stats(s, &st);
    value(out, "chengshu_store_commits_total", "counter", "Commits.", (double)st.commits);
    value(out, "chengshu_store_transactions_total", "counter", "Transactions; several may share a commit.",
          (double)st.transactions);
    value(out, "chengshu_store_largest_group", "gauge", "Most transactions in one commit.",
          (double)st.largest_group);
    value(out, "chengshu_store_retries_total", "counter", "Transactions run again.", (double)st.retries);
    value(out, "chengshu_store_slow_queries_total", "counter", "Slow statements.", (double)st.slow_queries);
    value(out, "chengshu_store_statements", "gauge", "Prepared statements kept.",
          (double)st.statements_cached);
    value(out, "chengshu_store_failed_writes_total", "counter", "Writes refused by the disk or the database.",
          (double)st.failed_writes);
    value(out, "chengshu_store_renewals_total", "counter",
          "Writing connections replaced after a failed write.", (double)st.renewals);
    value(out, "chengshu_journal_sealed_entries", "gauge", "Entries under this server's newest checkpoint.",
          (double)st.sealed);
    value(out, "chengshu_journal_checkpoints_total", "counter", "Checkpoints signed.",
          (double)st.checkpoints);
    value(out, "chengshu_journal_unsealable", "gauge", "1: the last try to seal the journal failed.",
          st.unsealable ? 1 : 0);
}

int metrics_route(Request *rq, Err *err)
{
    (void)err;
    Http *h = ((Call *)rq->server)->http;
    rq->content_type = "text/plain; version=0.0.4; charset=utf-8";
    requests(&rq->out, h->metrics);
    latency(&rq->out, h->metrics);
    process(&rq->out, h);
    store(&rq->out, rq->city->store);
    return 0;
}

static int head_of(Tx *tx, void *ctx, Err *err) { return journal_head(tx, ctx, err); }

/* How the last write went; reads may go on while writes do not. */
static Str writes_of(const Store *s)
{
    StoreStats st = {0};
    if (s) store_stats(s, &st);
    return st.write_trouble == ERR_FULL ? S("full") : st.write_trouble ? S("failing") : S("ok");
}

int health_route(Request *rq, Err *err)
{
    Err why = ERR_INIT;
    int64_t seq = 0;
    (void)err;
    int rc = rq->city->store ? store_read(rq->city->store, "health", head_of, &seq, &why) : 0;
    if (rc < 0) log_err("health", rq->trace, &why);
    rq->status = rc < 0 ? 503 : 200;
    JsonWriter w;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kbool(&w, "ok", rc == 0);
    jw_kstr(&w, "database", rc < 0 ? S("unavailable") : S("ok"));
    jw_kstr(&w, "writes", writes_of(rq->city->store));
    jw_kint(&w, "journal_head", seq);
    jw_kstr(&w, "version", str_c(http_version()));
    jw_kbool(&w, "demo", rq->city->demo);
    jw_object_end(&w);
    return 0;
}

#ifndef CHENGSHU_VERSION
#define CHENGSHU_VERSION "dev"
#endif
const char *http_version(void) { return CHENGSHU_VERSION; }
