#!/usr/bin/env python3
# SPDX-License-Identifier: MulanPSL-2.0
"""Make data/common-passwords.txt: passwords that everybody tries first, from patterns (years, keyboard walks, names in
pinyin, words with a tail), long enough to pass the rule on length.

    tools/common_passwords.py > data/common-passwords.txt
"""
WALKS = ["1qaz2wsx3edc", "1q2w3e4r5t", "1q2w3e4r5t6y", "qwertyuiop", "qwertyuiop123", "asdfghjkl123", "zxcvbnm123", "qazwsxedc123",
         "qazwsxedcrfv", "1234567890", "0987654321", "12345678910", "123456789a", "a123456789", "aa123456789", "abc123456789",
         "abcd123456", "abcd1234567", "qwer123456", "qwer1234!@#$", "1234qwer!@#$", "!@#$1234qwer", "qwe123!@#", "1qaz!qaz2wsx",
         "1qaz@wsx3edc", "zaq12wsxcde3", "poiuytrewq", "mnbvcxzlkj", "147258369", "1472583690", "7418529630", "159357456", "5201314520",
         "13145201314", "1314520520", "woaini1314", "woaini5201314", "woaini123456", "iloveyou1314", "iloveyou520"]
WORDS = ["password", "passw0rd", "p@ssword", "p@ssw0rd", "admin", "administrator", "root", "test", "guest", "welcome", "changeme",
         "default", "oracle", "manager", "system", "master", "server", "user", "huawei", "weinan", "shaanxi", "xian", "zhongguo",
         "china", "zhengfu", "zhengwu", "gongan", "jiaoyuju", "caizhengju", "chengshu", "guanliyuan", "mima", "shujuju", "dashuju"]
TAILS = ["123456", "1234567", "12345678", "123456789", "@123456", "@12345678", "123!@#", "!@#123", "@2023", "@2024", "@2025", "@2026",
         "2023", "2024", "2025", "2026", "123", "1234", "@123", "@1234", "888888", "666666"]
SURNAMES = ["wang", "li", "zhang", "liu", "chen", "yang", "zhao", "huang", "zhou", "wu", "xu", "sun", "hu", "zhu", "gao", "lin", "he", "guo"]
GIVEN = ["wei", "fang", "min", "jing", "lei", "jun", "yang", "tao", "ming", "hua", "xiuying", "qiang"]


def main():
    seen, out = set(), []

    def add(p):
        if 8 <= len(p) <= 40 and p.lower() not in seen:
            seen.add(p.lower())
            out.append(p)

    for w in WALKS:
        add(w)
    for w in WORDS:
        for t in TAILS:
            if len(w + t) >= 8:
                add(w + t)
    for year in range(1960, 2011, 5):
        for day in ("0101", "0501", "0808", "1001"):
            add(f"{year}{day}")
    for s in SURNAMES:
        for g in GIVEN:
            add(s + g + "123456")
    for s in SURNAMES:
        for t in ("1234567890", "520520520", "@123456", "12345678"):
            add(s + t)
    print("# SPDX-License-Identifier: MulanPSL-2.0")
    print("# Common passwords, made by tools/common_passwords.py from patterns; compared without regard to case.")
    print("\n".join(sorted(out)))


main()
