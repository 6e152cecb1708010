#!/usr/bin/python3
"""Which policy of a service answers when several would: for every set of them, and every way in which a service answers.

A request passes the limit of its client, then maintenance, then the password, and only then it is redirected, answered or given to a server; so
nobody who is kept out sees where a redirect leads, and who guesses passwords is counted."""
import base64
import itertools

import lib
from lib import ask, tap

POLICIES = {  # in the order in which they are looked at
    "denied": ("denyRanges: [127.0.0.9]", 403),
    "rate": ("rateLimit: {requests: 2, period: 1h}", 429),
    "maintenance": ("maintenance: {except: [127.0.0.7]}", 503),
    "auth": ("basicAuth: {users: {joe: %(hash)s}}", 401),
}
ENDS = {  # what stands in the service, and what a request gets that nothing keeps out
    "servers": ("hosts: [%(host)s], nodePort: %(web)d", 200),
    "redirect": ("hosts: [%(host)s], redirect: {host: new.example, status: 308}", 308),
    "respond": ("hosts: [%(host)s], respond: {status: 410, body: gone}", 410),
    "route-redirect": ("nodePort: %(web)d, routes: [{host: %(host)s, redirect: {host: new.example, status: 307}}]", 307),
    "route-respond": ("nodePort: %(web)d, routes: [{host: %(host)s, respond: {status: 404, body: none}}]", 404),
}
JOE = [("Authorization", "Basic " + base64.b64encode(b"joe:secret").decode())]


def services(values):
    """The text of the services, and (host, policies, what gets through) of each."""
    text, cases = "", []
    for end, (keys, status) in ENDS.items():
        for count in range(len(POLICIES) + 1):
            for chosen in itertools.combinations(POLICIES, count):
                host = "h%d.example" % len(cases)
                words = [keys % dict(values, host=host)] + [POLICIES[p][0] % values for p in chosen]
                text += "  s%d: {%s}\n" % (len(cases), ", ".join(words))
                cases.append((host, end, chosen, status))
    return text, cases


def expected(chosen, status, denied=False, known=False, excepted=False, used=0):
    passed = {"denied": not denied, "rate": used < 2, "maintenance": excepted, "auth": known}
    return next((POLICIES[p][1] for p in chosen if not passed[p]), status)


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "web")}
    ports["hash"] = lib.subprocess.run(["openssl", "passwd", "-1", "-salt", "abcdefgh", "secret"], capture_output=True, text=True).stdout.strip()
    lab.web(ports["web"], name="web")
    text, cases = services(ports)
    # the threads of 2.2 have clocks of their own, and one that is a moment behind another begins a limit's count anew
    text = "global: nbthread 1\nnodes: {n: 127.0.0.1}\nfrontends: {http: {bind: \"127.0.0.1:%(http)d\"}}\nservices:\n" % ports + text
    for mode in lib.MODES:
        with lab.run(text, mode, wait=[ports["http"]]):
            for host, end, chosen, status in cases:
                got, wanted = [], []
                for source, known in (("127.0.0.9", True), ("127.0.0.1", False), ("127.0.0.1", True), ("127.0.0.1", True), ("127.0.0.7", False), ("127.0.0.7", True)):
                    used = sum(1 for s, _ in got if s == source)
                    answer = ask(ports["http"], "/", host, JOE if known else [], source=source)
                    leaks = answer.status != status and (answer.header("location") or answer.body in (b"gone", b"none"))
                    got.append((source, "leaks" if leaks else answer.status))
                    wanted.append((source, expected(chosen, status, source == "127.0.0.9", known, source == "127.0.0.7", used)))
                tap.equal("%s: %s with %s" % (mode, end, " ".join(chosen) or "nothing"), got, wanted)
tap.finish()
