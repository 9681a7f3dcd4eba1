#!/usr/bin/env python3
# SPDX-License-Identifier: MulanPSL-2.0
"""Writes systems/00-city/data/region.csv and region_area.csv.

    tools/region_data.py DIVISIONS-DIR [PACK-DIR]

DIVISIONS-DIR holds provinces.csv, cities.csv, areas.csv, streets.csv and villages-weinan.csv of the published
administrative divisions (see systems/00-city/data/SOURCE.txt). Codes are padded to six digits down to the
county; a county row whose code equals its city's padded code (441900, 442000, 460400) is the same place and is
written once, as the city. Towns and villages are kept for Weinan (6105) only.

The outlines are a mesh drawn by hand: rough nodes on a 0.05 degree grid, shared by neighbours so that the eleven
counties tile the city. The city's own outline is what remains of the counties' edges that belong to one county.
"""
import csv
import json
import os
import sys

CITY = "6105"
FORMER = {"610503": "610521"}  # 华县 became 华州区

NODES = {
    "A1": (108.95, 34.75), "A2": (109.05, 34.95), "A3": (109.20, 35.05), "A4": (109.35, 35.05),
    "A5": (109.40, 34.90), "A6": (109.40, 34.75), "A7": (109.25, 34.65), "A8": (109.10, 34.65),
    "B1": (109.55, 34.80), "B2": (109.70, 34.75), "B3": (109.75, 34.65), "B4": (109.65, 34.50),
    "B5": (109.60, 34.35), "B6": (109.60, 34.25), "B7": (109.45, 34.25), "B8": (109.35, 34.35),
    "B9": (109.30, 34.50), "C1": (109.90, 34.65), "C2": (109.95, 34.55), "C3": (109.95, 34.40),
    "C4": (109.90, 34.30), "C5": (109.75, 34.20), "D1": (110.05, 34.70), "D2": (110.20, 34.65),
    "D3": (110.15, 34.55), "D4": (110.15, 34.40), "D5": (110.05, 34.40), "E1": (110.30, 34.60),
    "E2": (110.40, 34.60), "E3": (110.40, 34.45), "E4": (110.30, 34.40), "F1": (109.80, 34.85),
    "F2": (109.85, 34.95), "F3": (110.00, 35.00), "F4": (110.15, 35.00), "F5": (110.30, 35.00),
    "F6": (110.35, 34.85), "F7": (110.25, 34.70), "G1": (109.50, 35.10), "G2": (109.70, 35.10),
    "G3": (109.80, 35.05), "H1": (109.30, 35.20), "H2": (109.40, 35.35), "H3": (109.55, 35.45),
    "H5": (109.75, 35.25), "H6": (109.75, 35.40), "I1": (109.85, 35.45), "I2": (110.00, 35.45),
    "I3": (110.05, 35.25), "I4": (110.05, 35.10), "J1": (110.15, 35.45), "J2": (110.30, 35.35),
    "J3": (110.45, 35.30), "J4": (110.40, 35.15), "K1": (110.10, 35.60), "K2": (110.20, 35.75),
    "K3": (110.35, 35.85), "K4": (110.55, 35.75), "K5": (110.60, 35.65), "K6": (110.55, 35.45),
}
COUNTIES = {
    "610502": "A7 A6 B1 B2 B3 B4 B5 B6 B7 B8 B9",
    "610503": "B3 C1 C2 C3 C4 C5 B6 B5 B4",
    "610522": "D2 E1 E2 E3 E4 D4 D3",
    "610523": "B2 F1 F2 F3 F4 F5 F6 F7 D2 D1 C1 B3",
    "610524": "I2 J1 J2 J3 J4 F5 F4 F3 I4 I3",
    "610525": "H6 I1 I2 I3 I4 F3 F2 G3 G2 H5",
    "610526": "A4 G1 G2 G3 F2 F1 B2 B1 A6 A5",
    "610527": "A4 H1 H2 H3 H6 H5 G2 G1",
    "610528": "A1 A2 A3 A4 A5 A6 A7 A8",
    "610581": "J1 K1 K2 K3 K4 K5 K6 J3 J2",
    "610582": "C1 D1 D2 D3 D4 D5 C3 C2",
}


def signed_area(ring):
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1])) / 2


def ring_of(code):
    """The county's ring of node names, anticlockwise, not closed."""
    names = COUNTIES[code].split()
    return names if signed_area([NODES[n] for n in names]) > 0 else names[::-1]


def outline():
    """The city's ring: edges whose reverse no other county has, joined up."""
    edges = {}
    for code in COUNTIES:
        names = ring_of(code)
        edges.update({(a, b): True for a, b in zip(names, names[1:] + names[:1])})
    outer = {a: b for a, b in edges if (b, a) not in edges}
    ring = [min(outer)]
    while outer[ring[-1]] != ring[0]:
        ring.append(outer[ring[-1]])
    if len(ring) != len(outer):
        raise SystemExit("the counties do not tile: the outer edges are more than one ring")
    return ring


def geojson(names):
    ring = [list(NODES[n]) for n in names]
    return json.dumps({"type": "Polygon", "coordinates": [ring + ring[:1]]}, separators=(",", ":"))


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def regions(folder):
    """Rows code, title, level, parent, former_codes; parents before children."""
    cities = read(folder, "cities.csv")
    same = {c["code"] + "00" for c in cities}
    rows = [(p["code"] + "0000", p["name"], 1, "", "") for p in read(folder, "provinces.csv")]
    rows += [(c["code"] + "00", c["name"], 2, c["provinceCode"] + "0000", "") for c in cities]
    rows += [(a["code"], a["name"], 3, a["cityCode"] + "00", FORMER.get(a["code"], ""))
             for a in read(folder, "areas.csv") if a["code"] not in same]
    rows += [(s["code"], s["name"], 4, s["areaCode"], "")
             for s in read(folder, "streets.csv") if s["code"].startswith(CITY)]
    rows += [(v["code"], v["name"], 5, v["streetCode"], "") for v in read(folder, "villages-weinan.csv")]
    return rows


def write(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


def main(argv):
    if len(argv) not in (2, 3):
        raise SystemExit(__doc__)
    pack = argv[2] if len(argv) == 3 else os.path.join(os.path.dirname(__file__), "..", "systems", "00-city")
    rows = regions(argv[1])
    titles = {r[0]: (r[1], r[2], r[3]) for r in rows}
    write(os.path.join(pack, "data/region.csv"), ["code", "title", "level", "parent", "former_codes"], rows)
    areas = [("610500", *titles["610500"], geojson(outline()))]
    areas += [(code, *titles[code], geojson(ring_of(code))) for code in COUNTIES]
    write(os.path.join(pack, "data/region_area.csv"), ["code", "title", "level", "parent", "area"], areas)


if __name__ == "__main__":
    main(sys.argv)
