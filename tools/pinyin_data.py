#!/usr/bin/env python3
# SPDX-License-Identifier: MulanPSL-2.0
"""Make data/pinyin/initials.txt: the first letter of the Mandarin reading of U+4E00–U+9FFF, 64 a line, `.` for none.

    tools/pinyin_data.py /usr/share/unicode/Unihan_Readings.txt.bz2 > data/pinyin/initials.txt

Source: kMandarin of the Unihan database 15.0 (Debian package unicode-data; Unicode licence), its first reading, which
is the customary one in China. A few characters are read otherwise in names of places and firms: OTHER.
"""
import bz2
import sys
import unicodedata

FIRST, LAST = 0x4E00, 0x9FFF
OTHER = {"重": "c", "行": "h", "长": "c", "厦": "x", "蔚": "w", "乐": "l"}


def main():
    initials = ["."] * (LAST - FIRST + 1)
    for line in bz2.open(sys.argv[1], "rt", encoding="utf-8"):
        parts = line.split("\t")
        if len(parts) != 3 or parts[1] != "kMandarin":
            continue
        cp = int(parts[0][2:], 16)
        if FIRST <= cp <= LAST:
            letter = unicodedata.normalize("NFD", parts[2].split()[0])[0].lower()
            initials[cp - FIRST] = letter if "a" <= letter <= "z" else "."
    for c, letter in OTHER.items():
        initials[ord(c) - FIRST] = letter
    text = "".join(initials)
    for i in range(0, len(text), 64):
        print(text[i:i + 64])


main()
