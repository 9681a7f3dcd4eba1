# SPDX-License-Identifier: MulanPSL-2.0
"""The desk in Chromium over millions of companies, against the usual SQL on the same file."""
import os
import subprocess
import time

from common import Client, head, init, load_companies, row, serve

ROWS = int(os.environ.get("BENCH_DESK_ROWS", "5000000"))


def measure_peer(data):
    """The usual way on the same file: a page by offset, a count by counting, a word by scanning."""
    import sqlite3
    c = sqlite3.connect(f"file:{data / 'city.db'}?mode=ro", uri=True)

    def ms(sql, *args):
        times = []
        for _ in range(5):
            t = time.monotonic()
            c.execute(sql, args).fetchall()
            times.append((time.monotonic() - t) * 1000)
        return f"{sorted(times)[2]:,.0f}"

    n = ROWS // 2
    head("the usual way, SQL alone", "median ms")
    row("a page at half of the table, by offset", ms(f"select code, title, kind, state from legal_person order by title limit 60 offset {n}"))
    row("count(*)", ms("select count(*) from legal_person"))
    row("count(*) of a state", ms("select count(*) from legal_person where state = '1'"))
    row("60 rows with a word in the middle, by name", ms("select code, title from legal_person where title like '%旅游开发%' order by title limit 60"))
    row("how many with it", ms("select count(*) from legal_person where title like '%旅游开发%'"))
    c.close()


def bench_desk(work, _):
    data = work / "desk"
    init(data, "sqlite")
    load_companies(data, "sqlite", ROWS)
    with serve(data, "sqlite") as server:
        Client(server.url).wait_for_index(1)
        print(f"\nThe desk in Chromium, {ROWS:,} companies on SQLite\n", flush=True)
        subprocess.run(["node", "bench/desk.mjs", server.url], check=True)
        print(flush=True)
        measure_peer(data)
