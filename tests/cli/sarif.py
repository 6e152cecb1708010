#!/usr/bin/env python3
"""khapgen check --format sarif: the document has the shape that the standard asks for (SARIF 2.1.0, sections 3.13 to 3.58), and says what --json says."""
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse

sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "tests"))
import tap

khapgen = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
if not os.access(khapgen, os.X_OK):
    tap.skip_all("needs khapgen, which is not built")
khapgen = os.path.abspath(khapgen)

# An object: its properties, those that must be there first; a list: what it is of, in a tuple of one when it must hold something, no two alike; a type: a value
# of it; a set: one of its values. As the JSON schema of the standard has them, and of that no more than khapgen writes.
MESSAGE = ({"text": str}, {})
ARTIFACT = ({"uri": "uri"}, {})
REGION = ({"startLine": "from 1", "startColumn": "from 1", "endLine": "from 1", "endColumn": "from 1"}, {})
PHYSICAL = ({"artifactLocation": ARTIFACT}, {"region": REGION})
RULE = ({"id": str, "shortDescription": MESSAGE, "fullDescription": MESSAGE, "help": MESSAGE, "defaultConfiguration": ({"level": "level"}, {})}, {})
RESULT = ({"ruleId": str, "ruleIndex": int, "level": "level", "message": MESSAGE},
          {"locations": [({"physicalLocation": PHYSICAL}, {})],
           "relatedLocations": [({"message": MESSAGE}, {"physicalLocation": PHYSICAL})],
           "fixes": [({"artifactChanges": ([({"artifactLocation": ARTIFACT,
                                              "replacements": ([({"deletedRegion": REGION, "insertedContent": MESSAGE}, {})],)}, {})],)}, {})]})
RUN = ({"tool": ({"driver": ({"name": str, "version": str, "rules": [RULE]}, {})}, {}), "columnKind": {"utf16CodeUnits", "unicodeCodePoints"}, "results": [RESULT],
        "invocations": [({"executionSuccessful": bool}, {"toolExecutionNotifications": [({"level": "level", "message": MESSAGE}, {})]})]}, {})
LOG = ({"$schema": {"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"}, "version": {"2.1.0"}, "runs": ([RUN],)}, {})


def faults(value, shape, path="$"):
    """Where a value has not its shape."""
    if isinstance(shape, tuple) and len(shape) == 1:
        texts = [json.dumps(item, sort_keys=True) for item in value] if isinstance(value, list) else []
        return faults(value, shape[0], path) + ([] if texts and len(set(texts)) == len(texts) else [path + " is empty, or has two alike"])
    if isinstance(shape, tuple):
        if not isinstance(value, dict):
            return [path + " is no object"]
        must, may = shape
        found = ["%s lacks %s" % (path, key) for key in must if key not in value]
        for key, inner in value.items():
            if key in must or key in may:
                found += faults(inner, must.get(key, may.get(key)), path + "." + key)
            else:
                found.append("%s.%s is not known" % (path, key))
        return found
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [path + " is no list"]
        return [fault for i, item in enumerate(value) for fault in faults(item, shape[0], "%s[%d]" % (path, i))]
    if isinstance(shape, set):
        good = value in shape
    elif shape == "from 1":
        good = type(value) is int and value >= 1
    elif shape == "level":
        good = value in ("note", "warning", "error")
    elif shape == "uri":
        good = isinstance(value, str) and re.fullmatch(r"(file://)?([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", value)
    else:
        good = type(value) is shape
    return [] if good else ["%s is %r" % (path, value)]


directory = tempfile.TemporaryDirectory()
os.chdir(directory.name)


def put(name, data):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as f:
        f.write(data)


def check(*words):
    return subprocess.run([khapgen, "check", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def both(*words):
    """The SARIF run, and what --json says."""
    done = check("--format", "sarif", *words)
    log = json.loads(done.stdout)
    name = " ".join(words)
    found = faults(log, LOG)
    tap.ok("%s: its shape" % name, not found, "\n".join(found[:9]))
    tap.equal("%s: nothing on standard error" % name, done.stderr, b"")
    plain = check("--json", *words)
    tap.equal("%s: exit status" % name, done.returncode, plain.returncode)
    return log["runs"][0], [json.loads(line) for line in plain.stderr.decode().splitlines()]


def column(line, byte_column):
    """A column in characters, where what is no UTF-8 counts a byte as one."""
    return len(line[:byte_column - 1].decode("utf-8", "surrogateescape")) + 1


def region(place):
    with open(place["source"], "rb") as f:
        lines = f.read().split(b"\n") + [b""]
    return {"startLine": place["line"], "startColumn": column(lines[place["line"] - 1], place["column"]),
            "endLine": place["endLine"], "endColumn": column(lines[place["endLine"] - 1], place["endColumn"])}


def compare(name, run, plain):
    results, rules = run["results"], run["tool"]["driver"]["rules"]
    tap.equal("%s: as many results" % name, len(results), len([d for d in plain if d["code"] != "more-diagnostics"]))
    wrong = []
    for result, d in zip(results, plain):
        if (result["ruleId"], result["level"], result["message"]["text"]) != (d["code"], d["severity"], d["message"]):
            wrong.append((result, d))
        if rules[result["ruleIndex"]]["id"] != d["code"]:
            wrong.append((result["ruleIndex"], d["code"]))
        places = [location["physicalLocation"] for location in result.get("locations", [])]
        if [urllib.parse.unquote(p["artifactLocation"]["uri"], errors="surrogateescape").replace("file://", "") for p in places] != [d["source"]] * ("source" in d):
            wrong.append((places, d))
        if [p["region"] for p in places if "region" in p] != ([region(d)] if "line" in d else []):
            wrong.append((places, region(d)))
        if [(r["message"]["text"], r["physicalLocation"]["region"]) for r in result.get("relatedLocations", [])] != [(r["message"], region(r)) for r in d["related"]]:
            wrong.append((result, d))
        edits = [r for fix in result.get("fixes", []) for change in fix["artifactChanges"] for r in change["replacements"]]
        if [(e["insertedContent"]["text"], e["deletedRegion"]) for e in edits] != [(e["text"], region({"source": d["source"], **e})) for e in d.get("edits", [])]:
            wrong.append((edits, d.get("edits")))
    tap.ok("%s: each as --json has it" % name, not wrong, "\n".join(map(repr, wrong[:4])))
    tap.equal("%s: each rule once, and used" % name, sorted(r["id"] for r in rules), sorted({d["code"] for d in plain} - {"more-diagnostics"}))
    return results


put("a.cfg", b"frontend f\n    bind :80\n    timeout conect 1s\n    default_backend w\nbackend w\n    server a 10.0.0.1:80\n    server a 10.0.0.1:80\n")
results = compare("a.cfg", *both("a.cfg"))
tap.ok("related places", any("relatedLocations" in r for r in results))
put("d \xc3\xa4:%/b.cfg".encode("latin-1"), "# \u00e4\u4e2d\U0001f600\nbackend \u00e4\u4e2d\U0001f600 x\n".encode() + b"    \xff\xfe\xc3 \xe2\x82 sll\n    \"\xc3\xa4\" nonsense\n")
results = compare("b.cfg", *both("d \u00e4:%/b.cfg"))
tap.ok("characters are counted", any(r["locations"][0]["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 13, "endLine": 2, "endColumn": 14} or
                                     r["locations"][0]["physicalLocation"]["region"]["startColumn"] == 9 for r in results), repr(results))
compare("absolute", *both(os.path.abspath("a.cfg")))
run, plain = both("nosuch.cfg")
compare("nosuch.cfg", run, plain)
tap.ok("what cannot be read has no region", "region" not in run["results"][0]["locations"][0]["physicalLocation"])
run, plain = both("--fail-on", "nosuch", "a.cfg")
compare("options", run, plain)
put("good.cfg", b"backend b\n    timeout server 1s\n    timeout connect 1s\n")
run, plain = both("good.cfg")
tap.equal("nothing found", (run["results"], run["tool"]["driver"]["rules"]), ([], []))
put("many.cfg", b"backend b\n" + b"    nonsense\n" * 1500)
run, plain = both("many.cfg")
compare("many.cfg", run, plain)
notes = run["invocations"][0].get("toolExecutionNotifications", [])
tap.ok("that not all are shown is told", notes and re.match(r"[0-9]+ more", notes[0]["message"]["text"]), repr(notes))

# what is not of that shape is found
for breaks in (lambda log: log.pop("version"), lambda log: log.update(version="2.0.0"), lambda log: log["runs"].clear(), lambda log: log["runs"][0].update(columnKind="bytes"),
               lambda log: log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0), lambda log: log["runs"][0]["results"][0].update(level="bad"),
               lambda log: [r["fixes"][0]["artifactChanges"][0]["replacements"].clear() for r in log["runs"][0]["results"] if "fixes" in r],
               lambda log: log["runs"][0]["results"][0]["message"].pop("text"), lambda log: log["runs"][0]["tool"]["driver"].pop("name")):
    broken = json.loads(check("--format", "sarif", "a.cfg").stdout)
    breaks(broken)
    tap.ok("a broken document has faults", faults(broken, LOG) != [])

# the help is that of explain
run, _ = both("a.cfg")
for rule in run["tool"]["driver"]["rules"]:
    said = subprocess.run([khapgen, "explain", rule["id"]], stdout=subprocess.PIPE, timeout=60).stdout.decode()
    flat = " ".join(said.split())
    tap.ok("explain %s says the same" % rule["id"], all(" ".join(part.split()) in flat for part in (rule["fullDescription"]["text"], rule["help"]["text"].split("\nExample: ")[0])), said)
with open("/dev/full", "wb") as full:
    done = subprocess.run([khapgen, "check", "--format", "sarif", "a.cfg"], stdout=full, stderr=subprocess.PIPE, timeout=60)
tap.ok("no room for it: exit status 3, and told", done.returncode == 3 and b"output-unwritable" in done.stderr, repr(done))
tap.finish()
