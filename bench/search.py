# SPDX-License-Identifier: MulanPSL-2.0
"""Search, lists and counts over many companies, against a scan and against PostgreSQL's trigram index."""
import os
import random
import subprocess
import time
from urllib.parse import quote

from common import Client, company, head, init, load_companies, row, serve, spread, timed

SCANS = int(os.environ.get("BENCH_SEARCH_SCANS", "34"))  # words of each length that are held against a scan
ROWS = int(os.environ.get("BENCH_SEARCH_ROWS", "1000000"))


class Scan:
    """The peers: like '%word%' over name and address; on PostgreSQL also with the trigram index (pg_trgm) on a copy of both."""

    def __init__(self, data, url):
        self.url = url
        if url == "sqlite":
            import sqlite3
            self.db = sqlite3.connect(f"file:{data}/city.db?mode=ro", uri=True)
            return
        self.index_s, _, _ = timed(["psql", url, "-qc", "create extension if not exists pg_trgm", "-c", "create table peer as select code, title, address from legal_person",
                                    "-c", "create index on peer using gin (title gin_trgm_ops, address gin_trgm_ops)", "-c", "vacuum analyze peer"])

    def ask(self, word, table="legal_person"):
        """Codes found, milliseconds."""
        if self.url == "sqlite":
            t = time.monotonic()
            rows = [r[0] for r in self.db.execute("select code from legal_person where title like ? or address like ?", (f"%{word}%", f"%{word}%"))]
            return set(rows), (time.monotonic() - t) * 1000
        return self.timed(f"select code from {table} where title like '%{word}%' or address like '%{word}%'")

    def page(self, word):
        """Milliseconds until the trigram index has given twenty, which is what a page asks."""
        return self.timed(f"select code from peer where title like '%{word}%' or address like '%{word}%' limit 20")[1]

    def timed(self, sql):
        out = subprocess.run(["psql", self.url, "-qAt", "-c", "\\timing on", "-c", sql], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        return {line for line in out if not line.startswith("Tim")}, float(out[-1].split()[1])


def words(length, n=34):
    rnd = random.Random(7 + length)
    for _ in range(n):
        name = company(rnd.randrange(ROWS))
        at = rnd.randrange(len(name) - length + 1)
        yield name[at:at + length]


def recall(client, word, answer, want):
    """Records that the search misses or has too many; of more than a thousand it promises only the best."""
    got = {h["id"] for h in answer["hits"]}
    if len(want) > 1000:
        assert answer["counts"][0]["more"], word
        return len(got - want)
    for offset in range(0, 1000, 100):
        got |= {h["id"] for h in client.search('"' + word + '"', offset, 100)[0]["hits"]}
    return len(want ^ got)


def measure_words(client, scan):
    wrong = asked = 0
    for length in (1, 2, 4):
        times, scans, pages, whole = [], [], [], []
        for k, word in enumerate(words(length)):
            for _ in range(3):
                answer, ms = client.search('"' + word + '"')
                times.append(ms)
            if k >= SCANS:
                continue
            want, ms = scan.ask(word)
            scans.append(ms)
            if scan.url != "sqlite":
                pages.append(scan.page(word))
                found, ms = scan.ask(word, "peer")
                whole.append(ms)
                assert found == want, word
            wrong += recall(client, word, answer, want)
            asked += 1
        row(f"{length} character{'s' if length > 1 else ''}", *spread(times), *spread(scans), *(spread(pages) + spread(whole) if pages else ["", "", "", ""]))
    for name, some in (("initials (4 letters)", ["wndz", "lwqc", "dlxz", "yxgs"]), ("beginning of a code", ["91610599", "9161059900001", "916105990000123"]),
                       ("two words", ["渭南 合作社", "电子商务 韩城", "农业科技有限公司"])):
        row(name, *spread([client.search(w)[1] for w in some for _ in range(10)]), *[""] * 6)
    print(f"\n{asked} words against a scan: {wrong} records missing or too many\n")


def measure_lists(client):
    base = "/api/records/legal_person?select=code,title,region,kind&limit=50"
    exact = {"Prefer": "count=exact"}
    for name, query, headers in (("first page, default order", "", {}), ("first page, by name", "&order=title", {}), ("one region by date, newest first", "&region=eq.610522&order=established_on.desc", {}),
                                 ("filtered by region", "&region=eq.610522", {}), ("filtered by region and kind, total kept", "&region=eq.610522&kind=eq.1", exact),
                                 ("everything, total kept", "", exact), ("word in the list (_text=fts), rare", "&_text=fts." + quote(company(77)[3:6]), {}),
                                 ("word in the list, half of all", "&_text=fts." + quote("有限公司"), {}),
                                 ("total that is counted or given up", "&address=like." + quote("*路1*"), exact)):
        times = [client.ask(base + query, headers=headers)[1] for _ in range(20)]
        row(name, *spread(times), client.headers.get("Content-Range", ""), client.headers.get("X-Count-At-Least", "") or "")
    for name, query in (("next pages by cursor, by name", "&order=title"), ("next pages by cursor, one region by date", "&region=eq.610522&order=established_on.desc")):
        times, cursor = [], ""
        for _ in range(200):
            _, ms = client.ask(base + query + (f"&after={cursor}" if cursor else ""))
            times.append(ms)
            cursor = client.headers.get("X-Next-Cursor")
            if not cursor:
                break
        row(name, *spread(times), "", "")
    clerk = Client(client.base, "linwei")
    for name, query in (("a county's clerk, default order", ""), ("a county's clerk, by name", "&order=title")):
        times = [clerk.ask(base + query, headers=exact)[1] for _ in range(20)]
        row(name, *spread(times), clerk.headers.get("Content-Range", ""), "")
    times = [clerk.search(w)[1] for w in ("有限公司", "农业科技", "韩城市") for _ in range(10)]
    row("a county's clerk, search", *spread(times), "", "")
    _, ms = client.ask(base + f"&order=title&offset={ROWS // 2}", late=True)
    row("the same depth by offset (half of the table)", f"{ms:,.1f}", "", "", "")
    times = [client.ask("/api/records/legal_person?select=region,n:count()")[1] for _ in range(20)]
    row("records by region, from kept counts", *spread(times), "", "")


def bench_search(work, cluster):
    for db in os.environ.get("BENCH_SEARCH_DB", "SQLite,PostgreSQL").split(","):
        url = "sqlite" if db == "SQLite" else cluster.database("bench_search")
        data = work / f"search-{db}"
        init(data, url)
        t = time.monotonic()
        load_companies(data, url, ROWS)
        print(f"\n{db}: {ROWS:,} companies loaded in {time.monotonic() - t:,.0f} s", flush=True)
        before = (data / "city.db").stat().st_size if db == "SQLite" else 0
        with serve(data, url) as server:
            client = Client(server.url)
            t = time.monotonic()
            client.wait_for_index()
            spent = time.monotonic() - t
            size = f", {((data / 'city.db').stat().st_size - before) >> 20:,} MB" if before else ""
            print(f"indexed in {spent:,.0f} s: {ROWS / spent:,.0f} records/s{size}", flush=True)
            scan = Scan(data, url)
            if url != "sqlite":
                print(f"trigram index made in {scan.index_s:,.0f} s", flush=True)
            print()
            head("search", "median ms", "p99 ms", "scan median", "scan p99", "trigrams, 20 rows, median", "p99", "trigrams, all rows, median", "p99")
            measure_words(client, scan)
            head("list of 50", "median ms", "p99 ms", "Content-Range", "at least")
            measure_lists(client)
