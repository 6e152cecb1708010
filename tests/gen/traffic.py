#!/usr/bin/python3
"""Each key of the service map stands in a map through which real requests go; what those tests look at is theirs to say."""
import glob
import os
import re

import tap

# no request shows them, or their traffic is in another way of saying the same
APART = {
    "haproxy.release": "haproxy: is said bare",
    "services.*.sourceRanges[].network": "an entry is said bare",
    "services.*.denyRanges[].network": "an entry is said bare",
    "services.*.clientCert.commonName": "its header is sent without being asked for",
    "services.*.clientCert.fingerprint": "its header is sent without being asked for",
    "services.*.clientCert.notAfter": "its header is sent without being asked for",
    "services.*.hash.by": "hash: is said bare",
    "defaults": "lines of one's own",
}
tests = os.path.join(tap.srcdir, "tests")
text = ""
for path in glob.glob(tests + "/traffic/*.py") + [tests + "/agreement/routes.py", tests + "/agreement/combinations.py"]:
    text += open(path, encoding="utf-8").read()
with open(os.path.join(tap.srcdir, "lib/model/keys.tsv"), encoding="utf-8") as f:
    rows = [line.split("\t")[0] for line in f if line.strip() and not line.startswith("#")]


def asked(row):
    name = [part for part in row.replace("[]", "").split(".") if part != "*"][-1]
    return re.search(r"\b%s\b[\"']?:" % re.escape(name), text)


missing = [row for row in rows if not asked(row) and row not in APART]
tap.ok("each of %d keys stands in a map of the traffic tests" % len(rows), len(rows) > 100 and not missing, "\n".join(missing))
tap.equal("and none that is said to be apart does, or is no key", [row for row in APART if row not in rows or asked(row)], [])
tap.finish()
