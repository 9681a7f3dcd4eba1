# SPDX-License-Identifier: MulanPSL-2.0
"""Records over HTTP with 64 connections: reads and durable writes of ours on both databases, of PocketBase and of PostGraphile, in one run."""
import os
import random
import time

from common import REGIONS, ROOT, SECONDS, Client, credit_code, head, init, load_companies, row, serve, wrk
from peers import PocketBase, PostGraphile

ROWS = int(os.environ.get("BENCH_RECORDS", "100000"))
NAMES = {
    "empty": "empty answer",
    "key": "one record by key",
    "by name": "20 records by name",
    "newest": "20 of a region, newest first",
    "two filters": "20 by two filters",
    "insert": "durable insert",
}
CITY = {
    "empty": lambda i, r: ("GET", "/api/problems", ""),
    "key": lambda i, r: ("GET", f"/api/records/legal_person/{credit_code(i)}", ""),
    "by name": lambda i, r: ("GET", "/api/records/legal_person?limit=20&order=title", ""),
    "newest": lambda i, r: ("GET", f"/api/records/legal_person?limit=20&region=eq.{r}&order=established_on.desc", ""),
    "two filters": lambda i, r: ("GET", f"/api/records/legal_person?limit=20&region=eq.{r}&kind=eq.{1 + i % 3}", ""),
    "insert": lambda i, r: ("POST", "/api/records/project", '{"no":N,"title":"第 N 项"}'),
}


class City:
    requests = CITY

    def __init__(self, work, url, database):
        self.title, self.database, self.url, self.data = "城枢", database, url, work / f"city-{database}"

    def prepare(self):
        init(self.data, self.url)
        load_companies(self.data, self.url, ROWS)
        with self.start() as server:
            Client(server.url).wait_for_index()

    def start(self):
        return serve(self.data, self.url)

    def headers(self, server):
        return {"Authorization": "Bearer " + Client(server.url).token}


def measure(peer, work):
    """{kind: (requests a second, p99)} and {start ms, idle MB, loaded MB}."""
    peer.prepare()
    peer.start().stop()  # whatever a first start does is done
    rnd, result = random.Random(5), {}
    with peer.start() as server:
        start_ms = server.up_ms
        time.sleep(2)
        idle = server.memory()
        headers = peer.headers(server)
        for kind, make in peer.requests.items():
            lines = work / "requests.txt"
            lines.write_text("".join("\t".join(make(rnd.randrange(ROWS), rnd.choice(REGIONS))) + "\n" for _ in range(2000)))
            os.environ.update(REQUESTS=str(lines), FIRST="1000")
            result[kind] = wrk(server.url, headers, ROOT / "bench/requests.lua")
        return result, {"start_ms": start_ms, "idle": idle, "loaded": server.memory()}


def compare(ours, theirs):
    """A table of both: requests a second, p99, part of our own empty answer, times the peer."""
    (a, used), (b, peer_used) = ours[1], theirs[1] if theirs else ({}, None)
    peer = f"{theirs[0].title} on {theirs[0].database}" if theirs else "no peer"
    print(f"\n{ROWS:,} companies, 64 connections, {SECONDS} s each; {ours[0].title} on {ours[0].database}, and {peer}\n")
    head("request", "城枢 /s", "p99", "of its empty answer", peer + " /s", "p99", "times the peer")
    for kind, name in NAMES.items():
        mine, other = a[kind], b.get(kind)
        row(name, f"{mine[0]:,.0f}", mine[1], f"{mine[0] / a['empty'][0]:.2f}", *((f"{other[0]:,.0f}", other[1], f"{mine[0] / other[0]:.1f}") if other else ("", "", "")))
    for what, name in (("start_ms", "start to first answer, ms"), ("idle", "memory idle, MB"), ("loaded", "memory after the load, MB")):
        row(name, f"{used[what]:,.0f}", "", "", f"{peer_used[what]:,.0f}" if peer_used else "", "", "")


def bench_records(work, cluster):
    only = os.environ.get("BENCH_RECORDS_DB", "SQLite,PostgreSQL")
    for city, peer in ((City(work, "sqlite", "SQLite"), PocketBase(work, ROWS)),
                       (City(work, None, "PostgreSQL"), PostGraphile(cluster, ROWS))):
        if city.database not in only:
            continue
        city.url = city.url or cluster.database("bench_records")
        mine = city, measure(city, work)
        compare(mine, (peer, measure(peer, work)) if peer.program and not os.environ.get("BENCH_NO_PEER") else None)
