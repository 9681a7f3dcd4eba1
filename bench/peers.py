# SPDX-License-Identifier: MulanPSL-2.0
"""The peers of bench/records.py: PocketBase (Go, SQLite) and PostGraphile (npm, PostgreSQL), each with the same companies and projects."""
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import urllib.request

from common import COLUMNS, PASSWORD, ROOT, Server, companies, credit_code

POCKETBASE = os.environ.get("BENCH_POCKETBASE", "v0.40.4")
POSTGRAPHILE = os.environ.get("BENCH_POSTGRAPHILE", "4.14.1")
VAR = ROOT / "var/peer"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(url, body, token=None, method=None):
    r = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **({"Authorization": token} if token else {})}, method=method)
    return json.load(urllib.request.urlopen(r))


def built(args, **kw):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if done.returncode:
        print(f"{args[0]}: {done.stdout[-2000:]}", file=sys.stderr)
    return not done.returncode


# --- PocketBase --------------------------------------------------------------------------------------------------


def build_pocketbase():
    """The program, or None where there is no Go (GOTOOLCHAIN=go1.27.x, if the one at hand is older than PocketBase asks for)."""
    program = VAR / f"pocketbase-{POCKETBASE}"
    if program.exists() or not shutil.which("go"):
        return program if program.exists() else None
    source = VAR / "pocketbase"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "bench/peer/pocketbase", source)
    done = built(["go", "mod", "init", "peer"], cwd=source) and built(["go", "get", f"github.com/pocketbase/pocketbase@{POCKETBASE}"], cwd=source) and \
        built(["go", "mod", "tidy"], cwd=source) and built(["go", "build", "-o", program, "."], cwd=source)
    return program if done else None


SIGNED_IN = '@request.auth.id != ""'
RULES = {r: SIGNED_IN for r in ("listRule", "viewRule", "createRule")}


def collection(name, fields, indexes):
    return {"name": name, "type": "base", "fields": fields, "indexes": indexes, **RULES}


class PocketBase:
    """Its own accounts, rules for whoever is signed in, the same indexes; no log of requests, as ours is not kept in the database."""

    title, database = "PocketBase", "SQLite"

    def __init__(self, work, rows):
        self.data = work / "pocketbase"
        self.program = build_pocketbase()
        self.rows = rows

    def start(self):
        port = free_port()
        return Server([self.program, "serve", "--dir", self.data, "--http", f"127.0.0.1:{port}"], url=f"http://127.0.0.1:{port}", ready="/api/health")

    def prepare(self):
        subprocess.run([self.program, "superuser", "upsert", "a@example.com", PASSWORD, "--dir", self.data], check=True, stdout=subprocess.DEVNULL)
        text = [{"name": n, "type": "text", "max": 300} for n in COLUMNS]
        with self.start() as server:
            api = server.url + "/api/"
            admin = ask(api + "collections/_superusers/auth-with-password", {"identity": "a@example.com", "password": PASSWORD})["token"]
            ask(api + "settings", {"logs": {"maxDays": 0}}, admin, "PATCH")
            ask(api + "collections", collection("companies", text, ["create unique index c_code on companies(code)", "create index c_title on companies(title)",
                "create index c_region on companies(region, established_on)", "create index c_kind on companies(region, kind)", "create index c_state on companies(state)"]), admin)
            ask(api + "collections", collection("projects", [{"name": "no", "type": "number"}, {"name": "title", "type": "text"}],
                ["create unique index p_no on projects(no)", "create index p_title on projects(title)"]), admin)
            ask(api + "collections/users/records", {"email": "b@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD}, admin)
        c = sqlite3.connect(self.data / "data.db")
        c.executemany(f"insert into companies (id, {', '.join(COLUMNS)}) values (?,{','.join('?' * len(COLUMNS))})",
                      ((f"r{i:014d}", *("" if v is None else v for v in rec)) for i, rec in enumerate(companies(self.rows))))
        c.commit()
        c.execute("analyze")
        c.close()

    def headers(self, server):
        got = ask(server.url + "/api/collections/users/auth-with-password", {"identity": "b@example.com", "password": PASSWORD})
        return {"Authorization": got["token"]}

    requests = {
        "empty": lambda i, r: ("GET", "/api/health", ""),
        "key": lambda i, r: ("GET", f"/api/collections/companies/records/r{i:014d}", ""),
        "by name": lambda i, r: ("GET", "/api/collections/companies/records?perPage=20&skipTotal=1&sort=title", ""),
        "newest": lambda i, r: ("GET", f"/api/collections/companies/records?perPage=20&skipTotal=1&filter=region%3D%22{r}%22&sort=-established_on", ""),
        "two filters": lambda i, r: ("GET", f"/api/collections/companies/records?perPage=20&skipTotal=1&filter=region%3D%22{r}%22%26%26kind%3D%22{1 + i % 3}%22", ""),
        "insert": lambda i, r: ("POST", "/api/collections/projects/records", '{"no":N,"title":"第 N 项"}'),
    }


# --- PostGraphile ------------------------------------------------------------------------------------------------


def install_postgraphile():
    program = VAR / "node_modules/.bin/postgraphile"
    if not program.exists():
        VAR.mkdir(parents=True, exist_ok=True)
        built(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(VAR), f"postgraphile@{POSTGRAPHILE}"])
    return program if program.exists() else None


FIELDS = "code title kind state establishedOn address region"


def graphql(text):
    return "POST", "/graphql", json.dumps({"query": text}, ensure_ascii=False)


class PostGraphile:
    """Without accounts and rules, two workers on the two cores, over a bare table with the same indexes."""

    title, database = "PostGraphile", "PostgreSQL"

    def __init__(self, cluster, rows):
        self.program, self.cluster, self.rows = install_postgraphile(), cluster, rows

    def prepare(self):
        self.url = self.cluster.database("bench_postgraphile")
        columns = ", ".join(f"{c} {'date' if c == 'established_on' else 'text'}" for c in COLUMNS)
        p = subprocess.Popen(["psql", self.url, "-qc", f"create table companies ({columns}, primary key (code)); create index on companies(title);"
                              "create index on companies(region, established_on); create index on companies(region, kind); create index on companies(state);"
                              "create table projects (no integer primary key, title text); create index on projects(title)",
                              "-c", "copy companies from stdin", "-c", "analyze companies"], stdin=subprocess.PIPE, text=True)
        for rec in companies(self.rows):
            p.stdin.write("\t".join("\\N" if v is None else v for v in rec) + "\n")
        p.stdin.close()
        if p.wait():
            sys.exit("psql failed")

    def start(self):
        port = free_port()
        return Server([self.program, "-c", self.url, "-s", "public", "-n", "127.0.0.1", "-p", port, "-q", "/graphql", "-i", "/graphiql", "--cluster-workers", 2,
                       "--max-pool-size", 16, "--disable-query-log", "--disable-graphiql"], url=f"http://127.0.0.1:{port}", ready="/graphql")

    def headers(self, _):
        return {}

    requests = {
        "empty": lambda i, r: graphql("{__typename}"),
        "key": lambda i, r: graphql(f'{{companyByCode(code:"{credit_code(i)}"){{{FIELDS}}}}}'),
        "by name": lambda i, r: graphql(f"{{allCompanies(first:20,orderBy:TITLE_ASC){{nodes{{{FIELDS}}}}}}}"),
        "newest": lambda i, r: graphql(f'{{allCompanies(first:20,condition:{{region:"{r}"}},orderBy:ESTABLISHED_ON_DESC){{nodes{{{FIELDS}}}}}}}'),
        "two filters": lambda i, r: graphql(f'{{allCompanies(first:20,condition:{{region:"{r}",kind:"{1 + i % 3}"}}){{nodes{{{FIELDS}}}}}}}'),
        "insert": lambda i, r: graphql('mutation{createProject(input:{project:{no:N,title:"第 N 项"}}){project{no title}}}'),
    }
