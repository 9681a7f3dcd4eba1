#!/usr/bin/env python3
# SPDX-License-Identifier: MulanPSL-2.0
"""What docs/asvs.md and docs/security.md give as evidence is there.

    check_evidence.py SOURCE      SOURCE: the source tree; SHARED: folder that may hold data/asvs

In the column `evidence` of every table, what stands in backquotes is a path, or a name that occurs in the file of the last
path before it. In the columns `where` and `test` of a table with a `rule` it may be short: the end of a path, or a name
that occurs somewhere in the sources. Every requirement of ASVS 5.0.0 levels 1 and 2 stands in docs/asvs.md exactly once, with one of four states
(looked at only where the list is at hand). And what docs/asvs.md says of the whole of src/ holds: no process is started, but for STARTS.
"""
import collections
import json
import os
import pathlib
import re
import sys

STATES = ("done", "partly", "todo", "exempt")
SPAWN = re.compile(r"(?<![\w.>])(system|popen|v?fork|posix_spawnp?|exec[lv]p?e?|wordexp)\s*\(")
# The one place that does: backup and restore on PostgreSQL run its own pg_dump and psql, by name, without a shell.
STARTS = {("src/store/store_image.c", "fork"), ("src/store/store_image.c", "execvpe")}
PATH = re.compile(r"[\w.-]+(/[\w.-]+)+|[\w-]+\.[a-z]+")


def tables(text):
    """(line number, {column: cell}) of every row of every table."""
    columns = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            columns = None
            continue
        cells = [c.strip() for c in line.strip().strip("|").split(" | ")]
        if columns is None:
            columns = cells
        elif not set(line) <= set("|-: "):
            yield number, len(cells) == len(columns), dict(zip(columns, cells))


def name_occurs(path, name):
    if path.is_dir():
        return any(name in f.read_text(errors="replace") for f in path.rglob("*") if f.is_file())
    return name in path.read_text(errors="replace")


def check_cell(source, cell):
    last = None
    for word in re.findall(r"`([^`]+)`", cell):
        if PATH.fullmatch(word) and (source / word).exists():
            last = source / word
        elif "/" in word and PATH.fullmatch(word) and not (last and name_occurs(last, word)):
            yield f"there is no {word}"
        elif last is None:
            yield f"no path before {word}"
        elif not name_occurs(last, word):
            yield f"{last.relative_to(source)} has no {word}"


def check_short(files, cell):
    for word in re.findall(r"`([^`]+)`", cell):
        end = re.compile(r"(.*/)?" + re.escape(word).replace(r"\*", "[^/]*").rstrip("/") + r"(\.\w+)?(/.*)?")
        if not any(end.fullmatch(f) for f in files) and not any(word in text for text in files.values()):
            yield f"nothing is called {word}"


def sources(source):
    """{path: text} of the program, its tests and packs."""
    files = {}
    for top in ("src", "tests", "systems"):
        for f in (source / top).rglob("*"):
            if f.is_file() and not f.name.startswith(".") and f.stat().st_size < 1 << 20:
                files[str(f.relative_to(source))] = f.read_text(errors="replace")
    return files


def check_document(source, files, name):
    states, ids, faults = collections.Counter(), collections.Counter(), []
    for number, whole, row in tables((source / name).read_text()):
        where = f"{name}:{number}"
        if not whole:
            faults.append(f"{where}: not as many cells as the head of the table")
        if "evidence" in row:
            faults += [f"{where}: {f}" for f in check_cell(source, row["evidence"])]
        if "rule" in row:
            faults += [f"{where}: {f}" for c in ("where", "test") for f in check_short(files, row.get(c, ""))]
        if "state" in row:
            states[row["state"]] += 1
            if row["state"] not in STATES:
                faults.append(f"{where}: state {row['state']}, not one of {', '.join(STATES)}")
            if row["state"] == "done" and "`" not in row.get("evidence", ""):
                faults.append(f"{where}: done without evidence")
        if re.fullmatch(r"V\d+\.\d+\.\d+", row.get("id", "")):
            ids[row["id"], row.get("level", "")] += 1
    print(f"{name}: " + ", ".join(f"{states[s]} {s}" for s in STATES))
    return states, ids, faults


def check_list(source, ids, faults):
    shared = pathlib.Path(os.environ.get("SHARED") or source / ".." / "shared")
    path = shared / "data/asvs/asvs-5.0.0-en.flat.json"
    if not path.exists():
        return print("the list of requirements is not here, their completeness is not looked at")
    wanted = {(r["req_id"], str(r["L"])) for r in json.loads(path.read_text())["requirements"] if str(r["L"]) in "12"}
    faults += [f"docs/asvs.md: {i} (level {level}) is missing" for i, level in sorted(wanted - set(ids))]
    faults += [f"docs/asvs.md: {i} (level {level}) is not in the list" for i, level in sorted(set(ids) - wanted)]
    print(f"{len(wanted)} requirements in the list, {len(set(ids) & wanted)} in the document")


def main():
    source = pathlib.Path(sys.argv[1]).resolve()
    files = sources(source)
    states, ids, faults = check_document(source, files, "docs/asvs.md")
    faults += check_document(source, files, "docs/security.md")[2]
    faults += [f"docs/asvs.md: {i} stands there {n} times" for (i, _), n in ids.items() if n > 1]
    said = "Now: " + ", ".join(f"{states[s]} {s}" for s in STATES) + "."
    if said not in (source / "docs/asvs.md").read_text():
        faults.append(f"docs/asvs.md: its head should say “{said}”")
    check_list(source, ids, faults)
    for path, text in sorted(files.items()):
        if not re.fullmatch(r"src/.*\.[ch]", path):
            continue
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
        faults += [f"{path}: starts a process: {m[1]}" for m in SPAWN.finditer(code) if (path, m[1]) not in STARTS]
    print("\n".join(faults) or "all evidence is there")
    return 1 if faults else 0


sys.exit(main())
