#!/usr/bin/env python3
# SPDX-License-Identifier: MulanPSL-2.0
"""Writes the demo city's synthetic registers into systems/00-city/demo/: the same bytes every time.

    tools/demo_data.py [PACK-DIR]

Nobody in these files exists. It shows on every row:
- id numbers begin with 610599, an area code that has never been assigned, with a right check digit (GB 11643);
- credit codes carry 610599 as their division part, with a right check digit (GB 32100);
- the second character of a person's name is one of 样 例 拟 试 仿 设 (sample, example, mock, trial, model, assumed);
- phones are 19900000000 to 19900099999; companies are called 样例…, streets 示例路.

Counts follow the counties' populations of the 2020 census (in ten thousand). Places are laid out on a lattice
inside the coarse outlines of tools/region_data.py, so a map shows them in the right county, nowhere in truth.
The random numbers are a small generator of our own: Python's may change between versions.
"""
import csv
import datetime
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import region_data

PEOPLE, COMPANIES, ADDRESSES, BUILDINGS, LICENCES = 2000, 600, 1200, 500, 700
TODAY = datetime.date(2025, 6, 30)  # the demo city's last day of registration
WEIGHTS = {"610502": 87, "610503": 27, "610522": 12, "610523": 58, "610524": 35, "610525": 31, "610526": 61,
           "610527": 22, "610528": 65, "610581": 38, "610582": 22}
GRID_COUNTIES = ("610502", "610582")  # these have a grid in every village; the others only in their streets
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
MARK = "样例拟试仿设"
GIVEN = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥春夏秋冬东南西北天地山河日月星云风雨"
TRADES = [  # trade section, weight, what the company's name says, what it does
    ("A", 10, "农业", "农作物种植、农产品初加工和销售"), ("C", 16, "机械", "通用零部件制造、加工和销售"),
    ("C", 8, "食品", "食品生产、包装和销售"), ("E", 9, "建筑工程", "房屋建筑和市政工程施工"),
    ("F", 30, "商贸", "日用百货、五金、农资批发零售"), ("G", 6, "物流", "道路货物运输、仓储服务"),
    ("H", 8, "餐饮", "餐饮服务"), ("I", 6, "信息科技", "软件开发、信息系统集成服务"),
    ("K", 4, "置业", "房地产经纪、物业管理"), ("L", 6, "商务服务", "企业管理咨询、会议服务"),
    ("N", 3, "环保", "环境治理、垃圾清运服务"), ("P", 2, "培训学校", "职业技能培训"),
    ("Q", 3, "医药", "药品零售、健康咨询"), ("R", 3, "文化传播", "文艺活动组织策划"),
]
KINDS = [("159", 46, "有限责任公司"), ("171", 10, "经营部"), ("400", 30, "商行"), ("160", 2, "股份有限公司"),
         ("560", 9, "农民专业合作社"), ("530", 3, "服务中心")]
LICENCE_OF = {"H": "food", "C": "food_production", "G": "road", "E": "work_safety", "Q": "drug", "P": "school",
              "N": "emission", "F": "food", "A": "seed", "L": "labour", "I": "business", "K": "business", "R": "publication"}
ISSUER_OF = {"food": "WN-SCJ", "food_production": "WN-SCJ", "drug": "WN-SCJ", "business": "WN-SPJ", "road": "WN-JTJ",
             "work_safety": "WN-YJJ", "school": "WN-JYJ", "emission": "WN-STJ", "seed": "WN-NYNCJ",
             "labour": "WN-RSJ", "publication": "WN-WLJ", "construction": "WN-ZJJ", "presale": "WN-ZJJ"}


class Dice:
    """A 64-bit linear congruential generator; the high half of the state is the number."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 32) % n

    def pick(self, items):
        return items[self.below(len(items))]

    def weighted(self, pairs):
        """One of the first members; the second members are whole-number weights."""
        at = self.below(sum(p[1] for p in pairs))
        for p in pairs:
            at -= p[1]
            if at < 0:
                return p

    def between(self, low, high):
        return low + self.below(high - low + 1)


def person_id(birth, order):
    body = "610599" + birth.strftime("%Y%m%d") + "%03d" % order
    total = sum(int(c) * w for c, w in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)))
    return body + "10X98765432"[total % 11]


def credit_code(kind, number):
    """Class and division, then an organisation code with its own check digit (GB 11714), then the check."""
    organ = "MX%06d" % number
    values = [int(c, 36) for c in organ]
    check = (11 - sum(v * w for v, w in zip(values, (3, 7, 9, 10, 5, 8, 4, 2))) % 11) % 11
    head = {"400": "92", "560": "93", "530": "52"}.get(kind, "91")
    body = head + "610599" + organ + ("X" if check == 10 else str(check))
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + alphabet[(31 - total % 31) % 31]


def inside(x, y, ring):
    hit = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            hit = not hit
    return hit


def spots(code, count):
    """At least `count` points inside the county's outline, row by row, on the coarsest lattice that fits."""
    ring = [region_data.NODES[n] for n in region_data.ring_of(code)]
    west, east = min(p[0] for p in ring), max(p[0] for p in ring)
    south, north = min(p[1] for p in ring), max(p[1] for p in ring)
    for step in (0.05, 0.04, 0.03, 0.025, 0.02, 0.015, 0.0125, 0.01, 0.0075, 0.005):
        points = []
        y = south + step / 2
        while y < north:
            x = west + step / 2
            while x < east:
                if inside(x, y, ring):
                    points.append((round(x, 4), round(y, 4)))
                x += step
            y += step
        if len(points) >= count:
            return points, step
    raise SystemExit(f"{code}: no room for {count} points")


class City:
    def __init__(self, pack):
        self.dice = Dice(610500)
        with open(os.path.join(pack, "data/region.csv"), encoding="utf-8", newline="") as f:
            rows = [r for r in csv.DictReader(f) if r["code"].startswith("6105")]
        self.title = {r["code"]: r["title"] for r in rows}
        self.villages = {c: [r["code"] for r in rows if r["level"] == "5" and r["code"].startswith(c)] for c in WEIGHTS}
        self.place = {}
        self.step = {}
        for county, villages in self.villages.items():
            points, step = spots(county, len(villages))
            for i, village in enumerate(villages):  # spread over the whole county, not only its south
                self.place[village] = points[i * len(points) // len(villages)]
                self.step[village] = step

    def counties(self, total):
        """`total` counties in proportion to population, biggest remainders first, in order of code."""
        whole = sum(WEIGHTS.values())
        share = {c: total * w // whole for c, w in WEIGHTS.items()}
        rest = sorted(WEIGHTS, key=lambda c: (-(total * WEIGHTS[c] % whole), c))
        for c in rest[:total - sum(share.values())]:
            share[c] += 1
        return [c for c in WEIGHTS for _ in range(share[c])]

    def urban(self, county):
        """Villages of the county's streets (town codes 001 to 099); where people and shops are denser."""
        return [v for v in self.villages[county] if v[6:9] < "100"] or self.villages[county]

    def village(self, county):
        return self.dice.pick(self.urban(county) if self.dice.below(100) < 55 else self.villages[county])

    def near(self, village, part=0.4):
        x, y = self.place[village]
        span = int(self.step[village] * part * 1e5)
        return round(x + (self.dice.between(-span, span)) / 1e5, 5), round(y + (self.dice.between(-span, span)) / 1e5, 5)

    def where(self, village):
        return self.title[village[:6]] + self.title[village[:9]] + self.title[village]

    def name(self):
        return self.dice.pick(SURNAMES) + self.dice.pick(MARK) + self.dice.pick(GIVEN)

    def phone(self):
        return "199000%05d" % self.dice.below(100000)


def point(x, y):
    return json.dumps({"type": "Point", "coordinates": [x, y]}, separators=(",", ":"))


def square(x, y, half_x, half_y):
    ring = [[round(x + dx * half_x, 5), round(y + dy * half_y, 5)] for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
    return json.dumps({"type": "Polygon", "coordinates": [ring]}, separators=(",", ":"))


def day(dice, first, last):
    return first + datetime.timedelta(days=dice.below((last - first).days + 1))


def grids(city):
    """One grid a village: every village of GRID_COUNTIES, elsewhere the streets' villages only."""
    rows = []
    for county in WEIGHTS:
        for v in city.villages[county] if county in GRID_COUNTIES else city.urban(county)[:40]:
            households = city.dice.between(120, 420)
            half = round(city.step[v] * 0.4, 5)
            short = city.title[v].replace("社区居委会", "").replace("居民委员会", "").replace("村民委员会", "").replace("村委会", "")
            rows.append((v + "001", short + "第一网格", "1" if v[6:9] < "100" else "2", v, square(*city.place[v], half, half),
                         households, households * 3 - city.dice.below(100), city.name(), city.phone()))
    return rows


def addresses(city):
    rows = []
    for n, county in enumerate(city.counties(ADDRESSES), 1):
        v = city.village(county)
        town = v[6:9] < "100"
        street = "示例" + city.dice.pick("一二三四五六七八九") + ("路" if town else "组")
        number = "%d号" % city.dice.between(1, 180)
        rows.append(("DZ%s-%05d" % (county, n), city.where(v) + street + number, v, street, number,
                     "714000" if county == "610502" else "", point(*city.near(v))))
    return rows


def buildings(city, address_rows, grid_of):
    rows = []
    step = len(address_rows) // BUILDINGS
    for n, a in enumerate(address_rows[::step][:BUILDINGS], 1):
        town = a[2][6:9] < "100"
        use = city.dice.weighted([("11", 45 if town else 2), ("12", 8 if town else 75), ("2", 18), ("3", 8), ("4", 7), ("5", 5), ("6", 3), ("91", 6)])[0]
        floors = city.dice.between(5, 30) if use in ("11", "91") else city.dice.between(1, 3) if use == "12" else city.dice.between(1, 8)
        ground = city.dice.between(90, 200) if use == "12" else city.dice.between(300, 1400)
        x, y = json.loads(a[6])["coordinates"]
        structure = "2" if floors > 7 else city.dice.weighted([("3", 60), ("2", 25), ("1", 5), ("4", 8), ("5", 2)])[0]
        rows.append(("JZ%s-%05d" % (a[0][2:8], n), a[3] + a[4] + ("楼" if town else "院"), a[2], a[0], grid_of.get(a[2], ""), use,
                     structure, floors, city.dice.below(3) if floors > 10 else 0, "%.2f" % (floors * 3.1), "%.2f" % (ground * floors),
                     city.dice.between(1982, 2024), a[6], square(x, y, 0.0002, 0.0001)))
    return rows


def people(city, address_rows, grid_of):
    homes = {}
    for a in address_rows:
        homes.setdefault(a[2], []).append(a[1])
    rows, seen = [], set()
    for n, county in enumerate(city.counties(PEOPLE)):
        same_home = n % 3 and rows[-1][9] == county  # households of three
        v = city.village(county) if n else "610502001001"  # the first is the demo's citizen, in 人民街道
        v = rows[-1][8] if same_home else v
        age = city.dice.weighted([(range(0, 15), 17), (range(15, 40), 30), (range(40, 60), 32), (range(60, 75), 15), (range(75, 98), 6)])[0]
        age = city.dice.pick(age) if n else 35
        birth = day(city.dice, datetime.date(TODAY.year - age - 1, 7, 1), datetime.date(TODAY.year - age, 6, 30))
        order = city.dice.between(1, 998)
        while (birth, order) in seen:
            order = order % 998 + 1
        seen.add((birth, order))
        marital = "10" if age < 22 else city.dice.weighted([("10", 20 if age < 35 else 4), ("20", 70), ("40", 6), ("30", 30 if age > 70 else 1)])[0]
        home = city.dice.pick(homes[v]) if v in homes else city.where(v) + "示例%s组%d号" % (city.dice.pick("一二三四五六"), city.dice.between(1, 99))
        home = rows[-1][7] if same_home else home
        ethnic = city.dice.weighted([("01", 985), ("03", 9), ("11", 3), ("02", 2), ("15", 1)])[0]
        rows.append((person_id(birth, order), city.name(), "1" if order % 2 else "2", birth.isoformat(), ethnic, marital,
                     city.phone() if age >= 12 else "", home, v, county, "H%s%05d" % (county, n // 3 + 1), grid_of.get(v, "")))
    return rows


def companies(city, person_rows):
    adults = {}
    for p in person_rows:
        if p[3] < "2003":
            adults.setdefault(p[9], []).append(p[1])
    rows = []
    for n, county in enumerate(city.counties(COMPANIES), 1):
        v = city.village(county)
        trade, _, word, scope = city.dice.weighted(TRADES)
        kind, _, tail = city.dice.weighted([k for k in KINDS if (trade == "A") == (k[0] == "560") and (k[0] != "530" or trade in "PQR")])
        since = day(city.dice, datetime.date(2001, 1, 1), TODAY)
        state = city.dice.weighted([("1", 88), ("7", 8), ("5", 4)])[0]
        closed = day(city.dice, since, TODAY).isoformat() if state == "7" else ""
        money = "" if kind in ("400", "530") else "%d.00" % (city.dice.pick((10, 30, 50, 100, 200, 300, 500, 1000, 2000, 5000)) * 10000)
        rows.append((credit_code(kind, n), city.title[county] + "样例%s%s" % (city.dice.pick(GIVEN), city.dice.pick(GIVEN)) + word + tail, kind, state,
                     since.isoformat(), closed, money, "CNY" if money else "", trade, scope, city.dice.pick(adults[county]),
                     city.where(v) + "示例%s路%d号" % (city.dice.pick("一二三四五六"), city.dice.between(1, 180)), v, city.phone()))
    return rows


def licences(city, company_rows):
    rows = []
    special = ["construction", "presale", "emission"]  # so that every demo department has licences of its own
    for n in range(1, LICENCES + 1):
        c = city.dice.pick(company_rows)
        kind = city.dice.pick(special) if city.dice.below(5) == 0 else LICENCE_OF[c[8]]
        if kind == "food_production" and "食品" not in c[1]:
            kind = "business"
        since = day(city.dice, max(datetime.date.fromisoformat(c[4]), datetime.date(2019, 1, 1)), TODAY)
        to = since.replace(year=since.year + 5, day=min(since.day, 28)) if kind != "business" else None
        state = "cancelled" if c[3] == "7" else "expired" if to and to < TODAY else city.dice.weighted([("valid", 95), ("suspended", 2), ("revoked", 3)])[0]
        rows.append(("YL-%s-%d-%05d" % (c[12][:6], since.year, n), kind, c[1], c[0], ISSUER_OF[kind], since.isoformat(),
                     to.isoformat() if to else "", state, c[9], c[12]))
    return rows


def main(argv):
    pack = argv[1] if len(argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "systems", "00-city")
    city = City(pack)
    grid_rows = grids(city)
    grid_of = {g[3]: g[0] for g in grid_rows}
    address_rows = addresses(city)
    building_rows = buildings(city, address_rows, grid_of)
    person_rows = people(city, address_rows, grid_of)
    company_rows = companies(city, person_rows)
    files = [
        ("grid_cell", "code title kind region area households population keeper keeper_phone", grid_rows),
        ("address", "code title region street number postcode location", address_rows),
        ("building", "code title region address grid use structure floors floors_below height floor_area built_year location area", building_rows),
        ("person", "id_no name sex born_on ethnic marital phone address region household_region household_no grid", person_rows),
        ("legal_person", "code title kind state established_on closed_on capital currency trade scope legal_rep address region phone", company_rows),
        ("licence", "code kind holder holder_code issued_by issued_on valid_to state content region", licences(city, company_rows)),
    ]
    for name, header, rows in files:
        region_data.write(os.path.join(pack, "demo", name + ".csv"), header.split(), rows)


if __name__ == "__main__":
    main(sys.argv)
