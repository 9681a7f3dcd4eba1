#!/usr/bin/env python3
# SPDX-License-Identifier: MulanPSL-2.0
"""The JSON Schema of each kind of pack file accepts every good pack file and refuses wrong keys.

    check_schemas.py TEST_MODEL_PACK SOURCE      the test program prints a kind's schema; exit 77 when python3-yaml or
                                                 python3-jsonschema is not installed
"""
import glob
import json
import os
import re
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError:
    print("python3-yaml or python3-jsonschema is missing, skipped")
    sys.exit(77)


class Loader(yaml.SafeLoader):
    """YAML 1.2 as editors and the program read it: dates are text, no and yes are words."""


Loader.yaml_implicit_resolvers = {
    k: [(tag, rx) for tag, rx in v if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")]
    for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))

PLACES = {"system": "system.yaml", "entity": "entities/*.yaml", "codes": "codes/*.yaml", "roles": "roles.yaml",
          "pages": "pages.yaml", "users": "demo/users.yaml", "map": "maps/*.yaml"}
# wrong packs whose fault a schema alone can see
SEEN = ["04-unknown-key", "05-unknown-type", "06-missing-entity-name", "07-capital-name", "28-role-unknown-verb",
        "29-role-unknown-scope", "43-field-without-title", "44-not-a-bool", "45-fields-as-list"]


def main():
    program, source = sys.argv[1:]
    bad = count = 0
    validators = {}
    for kind in PLACES:
        schema = json.loads(subprocess.run([program, kind], capture_output=True, check=True).stdout)
        cls = jsonschema.validators.validator_for(schema)
        cls.check_schema(schema)
        validators[kind] = cls(schema)
    folders = [f for root in ("systems", "tests/packs/small", "tests/packs/small-v2", "tests/packs/foreign")
               for f in glob.glob(os.path.join(source, root, "*"))]
    for folder in folders:
        for kind, place in PLACES.items():
            for path in glob.glob(os.path.join(folder, place)):
                count += 1
                for e in validators[kind].iter_errors(yaml.load(open(path, encoding="utf-8"), Loader)):
                    print(f"{path}: {e.json_path}: {e.message}")
                    bad += 1
    for name in SEEN:
        found = False
        for kind, place in PLACES.items():
            for path in glob.glob(os.path.join(source, "tests/packs/wrong", name, "*", place)):
                found |= any(True for _ in validators[kind].iter_errors(yaml.load(open(path, encoding="utf-8"), Loader)))
        if not found:
            print(f"{name}: no schema refuses it")
            bad += 1
    print(f"{count} files, {bad} faults")
    sys.exit(1 if bad or not count else 0)


main()
