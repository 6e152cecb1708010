#!/usr/bin/python3
"""All traffic tests against every release in HAPROXY_RELEASES ("2.2=PATH 2.6=PATH ..."), written for all of them at once and for
each alone."""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

here = os.path.dirname(os.path.abspath(__file__))
releases = [x.split("=", 1) for x in os.environ.get("HAPROXY_RELEASES", "").split()]
if not releases:
    tap.skip_all("HAPROXY_RELEASES names no release (tools/haproxy-releases fetches them)")
topics = [os.environ["KHAP_TRAFFIC_TOPIC"]] if os.environ.get("KHAP_TRAFFIC_TOPIC") else sorted(
    os.path.basename(x)[:-3] for x in glob.glob(os.path.join(here, "*.py")) if os.path.basename(x) not in ("lib.py", "releases.py")) + ["../agreement/routes", "../agreement/names"]


def one(job):
    """Runs one topic; what it said, and its exit status."""
    (_, path), target, topic = job
    env = dict(os.environ, HAPROXY=path, KHAP_TRAFFIC_TARGET=target)
    try:
        run = subprocess.run([sys.executable, os.path.join(here, topic + ".py")], env=env, capture_output=True, text=True, timeout=500)
        return run.stdout + run.stderr, run.returncode
    except subprocess.TimeoutExpired as e:
        return (e.stdout or b"").decode() + "\nnot ok - no end within 500 s", 1


jobs = [(release, target, topic) for release in releases for target in ("", release[0]) for topic in topics]
# they mostly wait for health checks and timeouts: three at a time, told in their order
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    for ((name, _), target, topic), (out, status) in zip(jobs, pool.map(one, jobs)):
        good = len(re.findall("^ok ", out, re.M))
        failed = re.findall("^not ok.*(?:\n#.*)*", out, re.M)
        tap.ok("HAProxy %s, written for %s: %s (%d checks)" % (name, target or "all", topic, good),
               status == 0 and good > 0 and not failed, "\n".join(failed) or out[-3000:])
tap.finish()
