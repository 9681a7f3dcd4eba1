#!/usr/bin/env python3
# SPDX-License-Identifier: MulanPSL-2.0
"""Writes the registers of the fictional city of Binhai beside this file: the same bytes every time.

Nothing here exists: 39 is no province's number (GB/T 2260), id numbers and credit codes carry 3999.. with right check
digits, phones are 19911100000 and up, names say 样例.
"""
import csv
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
COUNTIES = [("399901", "海门区", 40), ("399902", "东岛区", 25), ("399903", "盐田县", 20), ("399981", "渔浦市", 15)]
TRADES = [("C", "船舶机械", "船用部件制造"), ("F", "水产商贸", "水产品批发零售"), ("G", "港口物流", "货物装卸、仓储"),
          ("H", "海鲜餐饮", "餐饮服务"), ("A", "海水养殖", "贝类养殖")]
SET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def person_id(area, n):
    body = "%s%04d%02d%02d%03d" % (area, 1950 + n % 60, n % 12 + 1, n % 28 + 1, n % 1000)
    total = sum(int(c) * w for c, w in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)))
    return body + "10X98765432"[total % 11]


def credit_code(area, n):
    """GB 32100: registration department 9, kind 1, area, nine characters with their own check (GB 11714), check."""
    org = "%08d" % n
    c = 11 - sum(int(x) * w for x, w in zip(org, (3, 7, 9, 10, 5, 8, 4, 2))) % 11
    body = "91" + area + org + ("X" if c == 10 else "0" if c == 11 else str(c))
    return body + SET[(31 - sum(SET.index(x) * pow(3, i, 31) for i, x in enumerate(body)) % 31) % 31]


def write(path, head, rows):
    with open(os.path.join(HERE, path), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(head.split(","))
        w.writerows(rows)


def main():
    regions = [("390000", "示例省", 1, ""), ("399900", "滨海市", 2, "390000")]
    villages = []
    for code, title, _ in COUNTIES:
        regions.append((code, title, 3, "399900"))
        for t in (1, 2):
            town = "%s%03d" % (code, t)
            regions.append((town, title[:2] + ("港街道", "湾镇")[t - 1], 4, code))
            for v in (1, 2, 3):
                regions.append(("%s%03d" % (town, v), "%s第%s社区" % (title[:2], "一二三四五六"[t * 3 + v - 4]), 5, town))
                villages.append(("%s%03d" % (town, v), title))
    # four counties side by side along the shore: squares, so that nobody takes them for a real place
    squares = {code: [[121 + 0.25 * (i % 2), 30 + 0.2 * (i // 2)], [121.25 + 0.25 * (i % 2), 30 + 0.2 * (i // 2)],
                      [121.25 + 0.25 * (i % 2), 30.2 + 0.2 * (i // 2)], [121 + 0.25 * (i % 2), 30.2 + 0.2 * (i // 2)]]
               for i, (code, _, _) in enumerate(COUNTIES)}
    area = lambda code: json.dumps({"type": "Polygon", "coordinates": [squares[code] + squares[code][:1]]}) if code in squares else ""
    write("00-city/data/region.csv", "code,title,level,parent,area", [r + (area(r[0]),) for r in regions])
    write("00-city/data/org.csv", "code,title,kind,level,parent,region", [
        ("BH", "滨海市", "9", "2", "", "399900"), ("BH-ZF", "市政府", "3", "2", "BH", "399900"),
        ("BH-DSJ", "市大数据局", "31", "2", "BH-ZF", "399900"), ("BH-GHJ", "市港航局", "31", "2", "BH-ZF", "399900"),
        ("BH-DD", "东岛区政府", "3", "3", "BH", "399902")])
    places = [v for v in villages for _ in range(dict((t, n) for _, t, n in COUNTIES)[v[1]])]
    at = lambda i: places[i * 37 % len(places)]
    point = lambda i: json.dumps({"type": "Point", "coordinates": [round(121 + i % 50 / 100, 4), round(30 + i % 40 / 100, 4)]})
    write("00-city/demo/grid_cell.csv", "code,title,kind,region,households,population",
          [(v + "001", c + "网格", "1", v, 200 + i * 7, 600 + i * 11) for i, (v, c) in enumerate(villages)])
    write("00-city/demo/address.csv", "code,title,region,number,location",
          [("DZ-%04d" % i, "%s样例路%d号" % (at(i)[1], i + 1), at(i)[0], "%d号" % (i + 1), point(i) if i % 5 else "") for i in range(120)])
    write("00-city/demo/person.csv", "id_no,name,sex,phone,region",
          [(person_id(at(i)[0][:6], i), "样例" + "甲乙丙丁戊己庚辛壬癸"[i % 10], "12"[i % 2], "199111%05d" % i, at(i)[0]) for i in range(200)])
    firms = []
    for i in range(150):
        trade, name, scope = TRADES[i % 5]
        firms.append((credit_code(at(i)[0][:6], i + 1), "%s样例%d号%s有限公司" % (at(i)[1], i, name), "159", "7" if i % 9 == 0 else "1",
                      "20%02d-%02d-%02d" % (i % 25, i % 12 + 1, i % 28 + 1), "%d.00" % (100000 * (i % 40 + 1)), "CNY", trade, scope, at(i)[0]))
    write("00-city/demo/legal_person.csv", "code,title,kind,state,established_on,capital,currency,trade,scope,region", firms)
    write("00-city/demo/licence.csv", "code,kind,holder,holder_code,issued_by,issued_on,valid_to,state,region",
          [("BHZ-%04d" % i, "business", f[1], f[0], "BH-DSJ", "2023-05-%02d" % (i % 28 + 1), "" if i % 3 else "20%d-05-01" % (24 + i % 8),
            "cancelled" if i % 11 == 0 else "valid", f[9]) for i, f in enumerate(firms[:90])])
    write("60-port/demo/berth.csv", "code,title,region,org,location,length,depth,state",
          [("BW-%02d" % i, "%d 号泊位" % i, at(i)[0], "BH-GHJ", point(i), 120 + i * 15, "%d.5" % (8 + i % 7), ("free", "busy", "repair")[i % 3]) for i in range(1, 25)])
    write("60-port/demo/ship_call.csv", "no,berth,ship,arrived_on,left_on,tonnes",
          [("KB-%04d" % i, "BW-%02d" % (i % 24 + 1), "样例轮%d" % (i % 17), "2025-%02d-%02d" % (i % 6 + 1, i % 28 + 1),
            "" if i % 13 == 0 else "2025-%02d-28" % (i % 6 + 1), 1000 + i * 37 % 9000) for i in range(160)])


if __name__ == "__main__":
    main()
