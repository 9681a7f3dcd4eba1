/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The base map of a city that has a tile service of its own choice (天地图 or another): DIR/keys/map.json
 * names its address with {z}, {x}, {y} in it. Browsers ask this server only, which fetches the tile: no page
 * reaches another origin, and the service's key stays here. Without the file there is no base map but the
 * regions.
 */
#include "base/secret_file.h"
#include "http/http_int.h"
#include "rule/rule_net.h"

enum { TILE_MAX = 2 << 20, ZOOM_MAX = 22 };

typedef struct MapFile {
    Str tiles, attribution;
    int64_t max_zoom;
} MapFile;

static const JsonField map_fields[] = {
    {"tiles", JSON_T_STR, offsetof(MapFile, tiles), .required = true, .min = 12, .max = 2000,
     .title = "瓦片地址，含 {z}、{x}、{y}"},
    {"attribution", JSON_T_STR, offsetof(MapFile, attribution), .max = 200, .title = "来源，显示在地图上"},
    {"max_zoom", JSON_T_INT, offsetof(MapFile, max_zoom), .min = 1, .max = ZOOM_MAX, .title = "最大级别"},
    {0}};

static bool has(Str s, const char *part) { return str_find_str(s, str_c(part)) >= 0; }

/* tiles.p == NULL: none is configured. */
static int settings(const Request *rq, MapFile *ret, Err *err)
{
    Str text;
    json_t *o;
    *ret = (MapFile){.max_zoom = 18};
    Str path = str_fmt(rq->arena, "%s/keys/map.json", rq->city->dir);
    TRY(secret_file_read(rq->arena, path.p, &text, err));
    if (!text.p) return 0;
    if (json_parse(rq->arena, text, &o, err) < 0 || json_decode(rq->arena, o, map_fields, ret, err) < 0)
        return err_wrap(err, "keys/map.json");
    bool web = str_starts(ret->tiles, S("https://")) || str_starts(ret->tiles, S("http://"));
    if (web && has(ret->tiles, "{z}") && has(ret->tiles, "{x}") && has(ret->tiles, "{y}")) return 0;
    err_set(err, ERR_INPUT, "keys/map.json 的 tiles 不是含 {z}、{x}、{y} 的网址");
    return err_hint(err, "例如 https://服务地址/{z}/{x}/{y}.png");
}

int map_route(Request *rq, Err *err)
{
    MapFile m;
    JsonWriter w;
    TRY(settings(rq, &m, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_key(&w, S("tiles"));
    if (m.tiles.p)
        jw_str(&w, S("/api/map/{z}/{x}/{y}"));
    else
        jw_null(&w);
    jw_kstr(&w, "attribution", m.attribution);
    jw_kint(&w, "max_zoom", m.max_zoom);
    jw_object_end(&w);
    return 0;
}

static Str put(Arena *a, Str url, const char *name, int64_t value)
{
    ptrdiff_t at = str_find_str(url, str_c(name));
    if (at < 0) return url;
    return str_fmt(a, STR_FMT "%lld" STR_FMT, (int)at, url.p, (long long)value,
                   STR_ARG(str_from(url, (size_t)at + strlen(name))));
}

/* The media type by the first bytes; NULL for what is no picture. */
static const char *picture(Str s)
{
    if (str_starts(s, S("\x89PNG\r\n\x1a\n"))) return "image/png";
    if (str_starts(s, S("\xff\xd8\xff"))) return "image/jpeg";
    if (s.n > 12 && str_starts(s, S("RIFF")) && str_starts(str_from(s, 8), S("WEBP"))) return "image/webp";
    return NULL;
}

static int fetch(Request *rq, Str url, Err *err)
{
    Err why = ERR_INIT;
    Net n = {.url = url, .method = S("GET"), .answer = &rq->out};
    buf_clear(&rq->out);
    rq->out.max = TILE_MAX;
    if (net_send(rq->arena, &n, &why) < 0 || n.status != 200 || !picture(buf_str(&rq->out))) {
        buf_clear(&rq->out);
        err_set(err, n.status == 404 ? ERR_NOT_FOUND : ERR_BUSY, "底图服务没有给出这张图");
        return err_hint(err, "地图的其余部分照常可用");
    }
    rq->content_type = picture(buf_str(&rq->out));
    request_header(rq, "Cache-Control", S("private, max-age=604800"));
    return 0;
}

int tile_route(Request *rq, Err *err)
{
    MapFile m;
    int64_t at[3];
    TRY(settings(rq, &m, err));
    if (!m.tiles.p) return err_set(err, ERR_NOT_FOUND, "本市没有配置底图");
    for (int i = 0; i < 3; i++) {
        int64_t max = i ? ((int64_t)1 << at[0]) - 1 : m.max_zoom;
        if (!str_int(rq->params[i], &at[i]) || at[i] < 0 || at[i] > max)
            return err_set(err, ERR_INPUT, "没有这张瓦片：z 为 0 到 %lld，x、y 小于 2 的 z 次方",
                           (long long)m.max_zoom);
    }
    Str url = put(rq->arena, m.tiles, "{z}", at[0]);
    url = put(rq->arena, url, "{x}", at[1]);
    return fetch(rq, put(rq->arena, url, "{y}", at[2]), err);
}
