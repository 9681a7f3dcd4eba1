# SPDX-License-Identifier: MulanPSL-2.0
"""One page of a filtered, sorted list as the table grows, against the same page by OFFSET in the middle."""
import os
import random
import shutil

from common import ROOT, REGIONS, Client, head, init, load, row, serve, spread

SIZES = [int(n) for n in os.environ.get("BENCH_PAGES", "10000,100000,1000000,10000000").split(",")]
COLUMNS = "no point taken_on value good region".split()
CASTS = {"no": "bigint", "point": "bigint", "taken_on": "date", "value": "numeric", "good": "boolean"}


def readings(first, last, db):
    for i in range(first, last):
        x = i * 2654435761 & 0xFFFFFFFF
        good = x % 20 != 0
        yield (i + 1, x % 5000 + 1, f"{2015 + x % 11}-{1 + x // 11 % 12:02d}-{1 + x // 132 % 28:02d}", f"{x % 100000 / 100:.2f}", int(good) if db == "SQLite" else good, REGIONS[x // 7 % 11])


def packs(work):
    """The city's packs and the one of the readings."""
    shutil.copytree(ROOT / "systems", work / "systems")
    shutil.copytree(ROOT / "bench/packs/90-bench", work / "systems/90-bench")
    return work / "systems"


LISTS = {
    "one region, newest first": "&region=eq.{region}&order=taken_on.desc",
    "one point, newest first": "&point=eq.{point}&order=taken_on.desc",
    "two filters, newest first": "&region=eq.{region}&value=gt.990&order=taken_on.desc",
    "a month of one region": "&region=eq.{region}&taken_on=gte.{year}-03-01&taken_on=lt.{year}-04-01&order=taken_on",
}


def pages(client, path, times):
    """The first page and the two after it, by cursor."""
    cursor = ""
    for _ in range(3):
        answer, ms = client.ask(path + cursor)
        times.append(ms)
        if len(answer) < 50:
            return
        cursor = "&after=" + client.headers["X-Next-Cursor"]


def bench_pages(work, cluster):
    systems = packs(work)
    for db in os.environ.get("BENCH_PAGES_DB", "SQLite,PostgreSQL").split(","):
        url = "sqlite" if db == "SQLite" else cluster.database("bench_pages")
        data = work / f"pages-{db}"
        init(data, url, systems=systems)
        print(f"\nA page of 50 rows on {db}, milliseconds: median / p99 (three pages each of 40 lists)\n", flush=True)
        head("rows", *LISTS, "by offset, half of one region (peer)")
        before = 0
        for size in SIZES:
            load(data, url, "reading", COLUMNS, readings(before, size, db), CASTS)
            before = size
            with serve(data, url) as server:
                client, rnd, cells = Client(server.url), random.Random(size), []
                for query in LISTS.values():
                    times = []
                    for _ in range(40):
                        at = {"region": rnd.choice(REGIONS), "point": rnd.randrange(1, 5001), "year": rnd.randrange(2015, 2026)}
                        pages(client, "/api/records/reading?limit=50" + query.format(**at), times)
                    cells.append(" / ".join(spread(times)))
                times = [client.ask(f"/api/records/reading?limit=50&region=eq.{r}&order=taken_on.desc&offset={min(size // 22, 1000000)}")[1] for r in REGIONS[:5]]
                row(f"{size:,}", *cells, " / ".join(spread(times)))
