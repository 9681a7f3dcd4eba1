#!/usr/bin/env python3
# SPDX-License-Identifier: MulanPSL-2.0
"""The table “parser of outside bytes” of docs/security.md and the fuzz targets are the same.

    check_parsers.py SOURCE      SOURCE: the source tree

Every target that the table names is a file tests/fuzz/fuzz_*.c, stands in tests/fuzz/meson.build and has a corpus that is not empty; every
target there is in the table. The file of each row is there and has the function that the row names. Every .c file of src/ that
calls one of the readers below is named in the table, or in the list beneath it.
"""
import pathlib
import re
import sys

HEAD = "| parser of outside bytes |"
BENEATH = "Files that call these readers on bytes of our own"
READERS = re.compile(r"\b(json_parse|yaml_read|yaml_parse|csv_open_\w+|inflate|xmlReaderFor\w+|PEM_read_\w+|d2i_\w+|url_decode|cookie_value|curl_url_set)\s*\(")


def table(text):
    """Cells of each row below HEAD, and the text of the paragraph beneath."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith(HEAD)), None)
    if start is None:
        sys.exit("docs/security.md: no table of parsers")
    rows, i = [], start + 2
    while i < len(lines) and lines[i].startswith("|"):
        rows.append([c.strip() for c in lines[i].strip().strip("|").split(" | ")])
        i += 1
    beneath = text[text.find(BENEATH):].split("\n\n")[0] if BENEATH in text else ""
    return rows, beneath


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


def check_row(source, row, faults):
    if len(row) != 4:
        return faults.append(f"not four cells: {row}")
    path = None
    for word in words(row[1]):
        if word.endswith((".c", ".h")):
            path = source / "src" / word
            if not path.exists():
                faults.append(f"there is no src/{word}")
        elif path is None or not path.exists() or word not in path.read_text():
            faults.append(f"“{row[0]}”: {word} does not occur in {path}")
    if not words(row[1]):
        faults.append(f"“{row[0]}”: no file")
    if not words(row[3]):
        faults.append(f"“{row[0]}”: no fuzz target")


def main():
    source = pathlib.Path(sys.argv[1]).resolve()
    rows, beneath = table((source / "docs/security.md").read_text())
    faults = []
    for row in rows:
        check_row(source, row, faults)
    named = {t for row in rows if len(row) == 4 for t in words(row[3])}
    built = set(re.findall(r"^  '(\w+)': |, '(\w+)': ", (source / "tests/fuzz/meson.build").read_text(), re.M))
    built = {"fuzz_" + (a or b) for a, b in built}
    there = {p.stem for p in source.glob("tests/fuzz/fuzz_*.c")}
    faults += [f"{t} is named, but there is no tests/fuzz/{t}.c" for t in sorted(named - there)]
    faults += [f"tests/fuzz/{t}.c is not in the table" for t in sorted(there - named)]
    faults += [f"tests/fuzz/{t}.c is not in tests/fuzz/meson.build" for t in sorted(there - built)]
    for target in sorted(there):
        corpus = source / "tests/corpus" / target.removeprefix("fuzz_")
        if not corpus.is_dir() or not any(corpus.iterdir()):
            faults.append(f"{target} has no corpus")
    known = {w for row in rows if len(row) == 4 for w in words(row[1])} | set(words(beneath))
    for path in sorted(source.glob("src/*/*.c")):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        found = READERS.search(code)
        name = str(path.relative_to(source / "src"))
        if found and name not in known:
            faults.append(f"src/{name} calls {found[1]}: name it in the table of parsers")
    print("\n".join(faults) or f"{len(rows)} parsers, {len(there)} fuzz targets")
    return 1 if faults else 0


sys.exit(main())
