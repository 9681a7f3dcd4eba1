# SPDX-License-Identifier: MulanPSL-2.0
"""What the benchmarks share: a city to measure, a database server, made-up companies, a load generator, a table."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("CHENGSHU_BIN", ROOT / "build/chengshu"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
PASSWORD = "Demo@2025"


# --- running and printing ----------------------------------------------------------------------------------------


def timed(args, **kw):
    """Seconds, peak megabytes of the process, output."""
    t = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen([str(a) for a in args], stdout=out, stderr=subprocess.STDOUT, **kw)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        spent = time.monotonic() - t
        out.seek(0)
        text = out.read()
    if child.returncode:
        sys.exit(f"{args}: {text}")
    return spent, used.ru_maxrss // 1024, text


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def head(*cells):
    row(*cells)
    row(*["---"] * len(cells))


def spread(times):
    """Median and 99th percentile, as text."""
    times = sorted(times)
    return f"{times[len(times) // 2]:,.1f}", f"{times[min(len(times) - 1, len(times) * 99 // 100)]:,.1f}"


def memory(pid):
    """Resident megabytes of a process and all it started."""
    kids = subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE, text=True).stdout.split()
    own = re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(own.group(1)) / 1024 + sum(memory(k) for k in kids)


def wrk(url, headers, script=None, connections=64):
    """Requests a second and the 99th percentile; every answer must be 2xx."""
    args = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}", "--latency"]
    for name, value in headers.items():
        args += ["-H", f"{name}: {value}"]
    if script:
        args += ["-s", str(script)]
    out = subprocess.run(args + [url], stdout=subprocess.PIPE, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", out)
    if bad:
        sys.exit(f"{url}: {bad.group(0)}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), re.search(r"99%\s+(\S+)", out).group(1)


def installed(*programs):
    """Debian's packages of these programs, where they are not there."""
    for program in programs:
        if not shutil.which(program):
            subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", program], check=True, stdout=subprocess.DEVNULL)


class Cluster:
    """A PostgreSQL of its own, with fsync."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="chengshu-bench-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        out = subprocess.run([ROOT / "tools/pgtest", "start", self.dir + "/c"], stdout=subprocess.PIPE, text=True, check=True)
        self.url = out.stdout.strip().splitlines()[-1]
        return self

    def database(self, name):
        subprocess.run(["psql", self.url, "-qc", f"create database {name}"], check=True)
        return re.sub(r"/[^/]*$", f"/{name}", self.url)

    def __exit__(self, *_):
        subprocess.run([ROOT / "tools/pgtest", "stop", self.dir + "/c"], stdout=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)


class Server:
    """A process that answers on a URL; up_ms: from its start to its first answer."""

    def __init__(self, args, url=None, ready="/healthz", **kw):
        t = time.monotonic()
        self.process = subprocess.Popen([str(a) for a in args], stdout=subprocess.DEVNULL if url else subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, **kw)
        self.url = (url or self.process.stdout.readline().split()[1]).rstrip("/")
        while not answers(self.url + ready):
            if self.process.poll() is not None or time.monotonic() - t > 60:
                self.stop()
                sys.exit(f"{args[0]} does not answer")
            time.sleep(0.002)
        self.up_ms = (time.monotonic() - t) * 1000

    def memory(self):
        return memory(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def answers(url):
    where = urllib.parse.urlsplit(url)
    c = http.client.HTTPConnection(where.netloc, timeout=5)
    try:
        c.request("GET", where.path)
        return c.getresponse().status < 500
    except OSError:
        return False
    finally:
        c.close()


def init(data, url, *options, systems=ROOT / "systems"):
    timed([BIN, "init", "--data", data, "--db", url, "--systems", systems, "--demo", *options])


def serve(data, url):
    return Server([BIN, "serve", "--data", data, "--db", url, "--listen", "127.0.0.1:0"])


class Client:
    """One signed-in person on one connection; ms: how long the last call took."""

    def __init__(self, base, user="steward"):
        self.base = base
        self.http = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc, timeout=300)
        self.token, self.asked = None, 0
        self.token = self.ask("/api/session", {"user": user, "password": PASSWORD})[0]["token"]

    def ask(self, path, body=None, headers=None, late=False):
        """The answer and its milliseconds; late: it may run into the time limit of a list."""
        h = dict(headers or {}, **({"Authorization": "Bearer " + self.token} if self.token else {}))
        if body:
            h["Content-Type"] = "application/json"
        if time.monotonic() - self.asked > 30:  # the server ends idle connections after 60 s
            self.http.close()
        t = self.asked = time.monotonic()
        self.http.request("POST" if body else "GET", path, json.dumps(body) if body else None, h)
        r = self.http.getresponse()
        text = r.read()
        self.ms = (time.monotonic() - t) * 1000
        if r.status >= 300 and not (late and r.status == 504):
            sys.exit(f"{path}: {r.status} {text[:300]}")
        self.headers = r.headers
        return json.loads(text), self.ms

    def search(self, word, offset=0, limit=20):
        return self.ask(f"/api/search?entity=legal_person&limit={limit}&offset={offset}&q={urllib.parse.quote(word)}")

    def wait_for_index(self, pause=0.5):
        while any("indexed" in c for c in self.search("有限公司")[0]["counts"] or [{"indexed": 0}]):
            time.sleep(pause)


# --- companies ---------------------------------------------------------------------------------------------------

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PLACES = "渭南市 临渭区 华州区 潼关县 大荔县 合阳县 澄城县 蒲城县 白水县 富平县 韩城市 华阴市 陕西省".split()
REGIONS = "610502 610503 610522 610523 610524 610525 610526 610527 610528 610581 610582".split()
TRADES = ("电子商务 农业科技 机械设备 建筑工程 物业管理 文化传媒 食品加工 果蔬种植 畜牧养殖 医药连锁 煤炭运销 汽车维修 餐饮服务 教育咨询 "
          "环保科技 信息技术 装饰材料 商贸 物流运输 旅游开发").split()
FORMS = "有限公司 有限责任公司 股份有限公司 农民专业合作社 个体工商户 经营部".split()
LETTERS = "".join(chr(0x4E00 + k * 37 % 6000) for k in range(900))
COLUMNS = "code title kind state established_on address region".split()


def credit_code(i):
    body = f"91610599{i:09d}"
    total = sum(pow(3, k, 31) * ALPHABET.index(c) for k, c in enumerate(body))
    return body + ALPHABET[(31 - total % 31) % 31]


def company(i):
    x = i * 2654435761 & 0xFFFFFFFF
    mark = LETTERS[x % 900] + LETTERS[x // 900 % 900] + (LETTERS[x // 810000 % 900] if x & 1 else "")
    return PLACES[x % 13] + mark + TRADES[x // 13 % 20] + FORMS[x // 260 % 6]


def companies(n):
    """Rows of COLUMNS."""
    for i in range(n):
        yield (credit_code(i), company(i), str(1 + i % 3), str(1 + i % 2) if i % 5 else None, f"{1990 + i % 30}-{1 + i % 12:02d}-{1 + i % 28:02d}",
               f"{PLACES[1 + i % 11]}示例路{i % 5000}号", REGIONS[i % 11])


def load(data, url, table, columns, rows, casts=None):
    """Rows straight into a table of the city: what is measured is reading. The triggers keep the counts all the same."""
    at = "2025-01-01T00:00:00.000000Z"
    names = ", ".join(columns)
    if url == "sqlite":
        import sqlite3
        c = sqlite3.connect(data / "city.db")
        c.execute("pragma synchronous=off")
        c.execute("pragma cache_size=-400000")
        c.executemany(f"insert into {table} ({names}, _rev, _created_at, _created_by, _updated_at) "
                      f"values ({','.join('?' * len(columns))},1,'{at}','system','{at}')", rows)
        c.commit()
        c.execute("pragma wal_checkpoint(truncate)")
        c.close()
        return
    values = ", ".join(f"{n}::{casts[n]}" if n in (casts or {}) else n for n in columns)
    p = subprocess.Popen(["psql", url, "-qc", f"create temp table x ({', '.join(n + ' text' for n in columns)})", "-c", "copy x from stdin",
                          "-c", f"insert into {table} ({names}, _rev, _created_at, _created_by, _updated_at) select {values}, 1, '{at}', 'system', '{at}' from x",
                          "-c", f"analyze {table}"], stdin=subprocess.PIPE, text=True)
    for rec in rows:
        p.stdin.write("\t".join("\\N" if v is None else str(v) for v in rec) + "\n")
    p.stdin.close()
    if p.wait():
        sys.exit("psql failed")


def load_companies(data, url, n):
    load(data, url, "legal_person", COLUMNS, companies(n), {"established_on": "date"})
