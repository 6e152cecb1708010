#!/usr/bin/python3
"""docs/services.schema.json against every example and every case, with a real validator."""
import glob
import json
import os
import re

import tap

try:
    import jsonschema
    import yaml
except ImportError as e:
    tap.skip_all("needs %s (Debian: packages python3-jsonschema, python3-yaml)" % e.name)

# Maps that khapgen refuses and a schema cannot: why
NOT_SEEN = {
    "bad-yaml": "it is no YAML, so there is nothing to validate",
    "bad-duplicate-keys": "a key twice is gone before a validator sees it",
    "bad-nul": "it is no YAML",
    "bad-utf8": "it is no YAML",
    "bad-alias-bomb": "the validator's YAML reader puts aliases in; x- keys hold anything",
    "bad-nesting": "x- keys hold anything, however deep",
    "bad-comment-only": "an empty document has no type that a schema could refuse in an editor",
    "bad-no-servers": "serviceDefaults may have what the service has not",
    "bad-equal-routes": "what services say together",
    "bad-two-defaults": "what services say together",
    "bad-unknown-node": "names of nodes are not known to a schema",
    "bad-bind-overlap": "what addresses mean together",
    "bad-regex": "whether an expression compiles",
    "bad-raw-lines": "what HAProxy lines mean",
    "bad-client-ca": "it depends on the command line",
    "bad-raw-if": "what HAProxy lines mean",
    "bad-several-raw": "what HAProxy lines mean",
    "bad-broken-beside": "it is no YAML",
    "bad-follow-on": "it is no YAML",
    "bad-release-unknown": "which releases there are",
    "bad-release": "that a range runs backwards",
    "bad-cannot-act": "what keys mean together",
    "bad-no-certificate": "what keys mean together",
    "bad-cert-options-old": "what a release can do",
    "bad-placeholder-file": "it depends on the command line",
    "bad-cert-options-file": "it depends on the command line",
    "bad-needs-release": "what a release can do",
    "bad-needs-release-format": "what a release can do",
    "bad-needs-release-old": "what a release can do",
    "bad-needs-release-spread": "what a release can do",
    "bad-needs-release-checks": "what a release can do",
    "bad-node-check-none": "a key that needs another one",
    "bad-log-old": "what a release can do",
    "bad-jwt-old": "what a release can do",
    "bad-jwt-key": "what is in a file",
    "bad-route-keys-1.5": "what a release can do",
    "bad-limits-old": "what a release can do",
    "bad-password": "what is in a password is looked at when it is written",
    "bad-no-common-way": "what a release can do",
    "bad-https": "what keys mean together",
    "bad-https-passed": "what keys mean together",
    "bad-https-off": "what keys mean together",
    "bad-helper-names": "which names are bad depends on the mode",
    "bad-frontends": "names of frontends",
    "bad-sections": "names in different places",
    "bad-sections-binds": "what HAProxy lines mean",
    "bad-sections-lines": "what HAProxy lines mean",
    "bad-sections-release": "what a release can do",
    "bad-sections-if": "what HAProxy lines mean",
    "bad-collisions": "names in different places",
    "bad-two-files": "two files together",
    "bad-side-file": "it depends on the command line",
    "bad-target-option": "the map is good, the option is not",
    "bad-set-option": "the map is good, the option is not",
}


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors and khap read it: yes and 1:30 are text."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("merge", r"^<<$", "<"),
):
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))


def names_are_text(value):
    """JSON has no other keys."""
    if isinstance(value, dict):
        return {str(k): names_are_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [names_are_text(v) for v in value]
    return value


def documents(path):
    with open(path, "rb") as f:
        return [names_are_text(d) for d in yaml.load_all(f, Loader) if d is not None]


built = os.path.join(tap.builddir, "docs/services.schema.json")
if not os.path.exists(built):
    built = os.path.join(tap.srcdir, "docs/services.schema.json")
with open(built) as f:
    schema = json.load(f)
try:
    jsonschema.Draft202012Validator.check_schema(schema)
    tap.ok("it is a JSON Schema")
except jsonschema.SchemaError as e:
    tap.ok("it is a JSON Schema", False, e)
validator = jsonschema.Draft202012Validator(schema)


def faults(path):
    return ["%s: %s" % (".".join(map(str, e.absolute_path)), e.message[:200]) for d in documents(path) for e in validator.iter_errors(d)]


good = sorted(glob.glob(tap.srcdir + "/examples/*.yaml"))
bad = []
for case in sorted(glob.glob(tap.srcdir + "/tests/cases/*/")):
    maps = sorted(glob.glob(case + "*.yaml"))
    with open(maps[0], encoding="latin-1") as f:
        if re.search("^apiVersion:", f.read(), re.M):
            continue  # objects of Kubernetes, which no map's schema is about
    (good if os.path.exists(case + "expected.cfg") else bad).append(maps[0] if maps[0].endswith("map.yaml") else case + "map.yaml")
for path in good:
    found = faults(path)
    tap.ok("accepts " + os.path.relpath(path, tap.srcdir), not found, "\n".join(found))
for path in bad:
    name = os.path.basename(os.path.dirname(path))
    try:
        found = faults(path)
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError):
        found = None
    if name in NOT_SEEN:
        # a fault that the schema learnt to see must leave the table
        tap.ok("%s: not for a schema: %s" % (name, NOT_SEEN[name]), not found, "\n".join(found or []))
    else:
        tap.ok("refuses " + name, bool(found), "nothing wrong was found")
for name in NOT_SEEN:
    if not os.path.exists("%s/tests/cases/%s/map.yaml" % (tap.srcdir, name)):
        tap.ok("the table names a case that is there: " + name, False)
# a row's own example must be good for the row
tap.ok("there was something to look at", len(good) > 20 and len(bad) > 20)
tap.finish()
