# SPDX-License-Identifier: MulanPSL-2.0
"""Import of companies with checked codes, dates, references and a journal, against sqlite3's own import."""
import os

from common import BIN, REGIONS, credit_code, head, init, row, timed

ROWS = int(os.environ.get("BENCH_ROWS", "200000"))


COLUMNS = "code text primary key, title text, established_on text, capital numeric, currency text, region text, address text"
INDEXES = "create index a on c(title); create index b on c(region); create index d on c(region, established_on); create index e on c(currency);"


def make_csv(path):
    with open(path, "w", encoding="utf-8") as f:
        f.write("code,title,established_on,capital,currency,region,address\n")
        for i in range(ROWS):
            f.write(f"{credit_code(i)},示例第{i}有限公司,{1990 + i % 30}-{1 + i % 12:02d}-{1 + i % 28:02d},{i * 10}.00,CNY,"
                    f"{REGIONS[i % 11]},渭南市示例路{i % 500}号\n")


def peer(db, url, path, work):
    """The database's own loader into a bare table with the same indexes: nothing checked, no journal."""
    table = f"create table c({COLUMNS}); {INDEXES}"
    if db == "SQLite":
        return timed(["sqlite3", work / "peer.db", "pragma journal_mode=wal", table, ".mode csv", f".import --skip 1 {path} c"])
    return timed(["psql", url, "-qc", table, "-c", f"\\copy c from '{path}' csv header"])


def bench_import(work, cluster):
    path = work / "companies.csv"
    make_csv(path)
    print(f"\nImport of {ROWS:,} companies ({path.stat().st_size >> 20} MB): types, codes, references, journal, indexes\n")
    head("what", "rows/s", "peak MB", "to the peer")
    for db, url in (("SQLite", "sqlite"), ("PostgreSQL", cluster.database("bench_import"))):
        data = work / f"import-{db}"
        init(data, url)
        spent, rss, _ = peer(db, url, path, work)
        bare = ROWS / spent
        row("sqlite3 .import (peer)" if db == "SQLite" else "psql \\copy (peer)", f"{bare:,.0f}", rss, "1.00")
        spent, rss, out = timed([BIN, "import", "--data", data, "legal_person", path])
        assert f"accepted {ROWS}, rejected 0" in out, out
        row(f"chengshu import, {db}", f"{ROWS / spent:,.0f}", rss, f"{ROWS / spent / bare:.2f}")
