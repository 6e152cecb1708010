"""What HAProxy says of single lines: each stands in a section of its own, many sections in one file.

A line that is refused in company, or whose verdict is not what was thought, is asked again alone: then every ALERT counts.
"""
import multiprocessing.pool
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

# Sections that lines under test refer to, with the release they need.
WORLD = [
    (105, "global\n"),
    (106, " external-check\n"),
    (204, " expose-experimental-directives\n"),
    (301, " expose-deprecated-directives\n"),
    (208, " tune.stick-counters 100\n"),
    (105, "userlist ul\n group gr\n user us insecure-password pw groups gr\n"),
    (105, "peers pe\n peer me 127.0.0.1:10001\n"),
    (106, "mailers ma\n mailer m1 127.0.0.1:10025\n"),
    (106, "resolvers re\n nameserver n1 127.0.0.1:10053\n"),
    (108, "cache ca\n total-max-size 4\n"),
    (201, "fcgi-app fa\n docroot /\n"),
    (202, "http-errors he\n errorfile 400 %D/400.http\n"),
    (202, "ring ri\n size 16384\n"),
    (203, "log-forward lf\n bind 127.0.0.1:10514\n log ring@ri local0\n"),
    (300, "crt-store cs\n load crt %D/cert.pem alias one\n"),
    (301, "log-profile lp\n on any format x\n"),
    (302, "acme ac\n directory http://127.0.0.1:1/x\n"),
    (304, "healthcheck hc\n type tcp-check\n"),
    (105, "defaults de\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"),
    (105, "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"),
    (105, "frontend fe\n bind 127.0.0.1:10001\n default_backend be\n"),
    (105, "backend be\n server sv 127.0.0.1:10002 check\n"),
    (105, "backend bt\n mode tcp\n server sv 127.0.0.1:10006\n"),
    (105, "backend tb\n stick-table type string len 32 size 1k store gpc0,gpt0,http_req_rate(10s)\n server sv 127.0.0.1:10005 check\n"),
]

# Lines that the section of a line under test needs, before and behind it.
SECTIONS = {
    "frontend": (" bind 127.0.0.1:10003\n acl al always_true\n" + 3 * (" capture request header x len 8\n capture response header x len 8\n"), ""),
    "backend": (" acl al always_true\n", " server sv 127.0.0.1:10004 check\n"),
    "listen": (" bind 127.0.0.1:10003\n acl al always_true\n", " server sv 127.0.0.1:10004 check\n"),
    "frontend+table": (" stick-table type string len 32 size 1k store gpc0,gpt0,http_req_rate(10s)\n bind 127.0.0.1:10003\n acl al always_true\n", ""),
    "backend+table": (" stick-table type string len 32 size 1k store gpc0,gpt0,http_req_rate(10s)\n acl al always_true\n", ""),
    # what is in a defaults section shows when another one inherits it
    "defaults": ("", "%H h.t%Nt%F\n bind 127.0.0.1:10003\n server sv 127.0.0.1:10004\n"),
    "cache": ("", " total-max-size 4\n"),
    "fcgi-app": (" docroot /\n", ""),
    "ring": (" size 16384\n", ""),
    "log-forward": (" bind 127.0.0.1:10515\n", ""),
    "acme": (" directory http://127.0.0.1:1/x\n", ""),
    "userlist": (" group gr\n user us insecure-password pw\n", ""),
    "program": ("", " command /bin/true\n"),
    "healthcheck": (" type tcp-check\n", ""),
}
# Lines at which HAProxy waits as long as they say, so that they stand alone, and are taken when it waits.
WAITS = re.compile(r"force-cfg-parser-pause\b")
UNNAMED = ("global", "traces", "namespace_list")

# Names that are there besides those of WORLD: for what khap calls a reference.
NAMES = {
    "acl": "al TRUE FALSE WAIT_END HTTP HTTP_1.0 HTTP_1.1 HTTP_2.0 HTTP_3.0 HTTP_CONTENT HTTP_URL_ABS HTTP_URL_SLASH HTTP_URL_STAR LOCALHOST METH_CONNECT METH_GET "
           "METH_HEAD METH_OPTIONS METH_POST METH_PUT METH_TRACE METH_DELETE RDP_COOKIE REQ_CONTENT SSL",
    "backend": "be tb", "frontend": "fe", "proxy": "be tb fe", "table": "tb", "server": "be/sv tb/sv sv", "userlist": "ul", "group": "gr", "user": "us",
    "peers": "pe", "mailers": "ma", "resolvers": "re", "cache": "ca", "fcgi-app": "fa", "http-errors": "he", "ring": "ri", "log-forward": "lf",
    "crt-store": "cs", "log-profile": "lp", "acme": "ac", "healthcheck": "hc", "defaults": "de",
}

SPOE = "spoe-agent a\n timeout hello 1s\n timeout idle 1s\n timeout processing 1s\n use-backend bt\n messages m\nspoe-message m\n event on-client-session\n"


def alerts_in(said):
    """The messages that are ALERTs; one can end without a newline."""
    return [m.rstrip("\n") for m in re.split(r"(?=\[(?:ALERT|WARNING|NOTICE|DIAG)\])", said) if m.startswith("[ALERT]")]


def bounds():
    """For a HAProxy that a line makes count for ever: processor time, so that a busy machine changes nothing."""
    resource.setrlimit(resource.RLIMIT_CPU, (5, 6))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


class Case:
    """A line of a row: where it stands, and what khap says of it."""

    def __init__(self, row, why, section, text, khap):
        self.row, self.why, self.section, self.text, self.khap = row, why, section, text, khap
        self.number, self.refused = 0, None  # None, or what HAProxy said


def make_files(folder):
    """A file of each kind that lines name."""
    openssl = tap.need("openssl", "openssl")

    def run(*words):
        subprocess.run([openssl, *words], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(name, text):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)

    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "ca.pem", "-days", "3650", "-subj", "/CN=localhost")
    write("cert.pem", open(os.path.join(folder, "ca.pem"), encoding="ascii").read() + open(os.path.join(folder, "key.pem"), encoding="ascii").read())
    write("khapmore", open(os.path.join(folder, "ca.pem"), encoding="ascii").read())
    write("index", "")
    write("number", "01\n")
    write("ca.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=3650\n")
    run("ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "key.pem", "-cert", "ca.pem", "-out", "crl.pem")
    write("dh.pem", """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
""")
    for name in ("400.http", "x"):
        write(name, "HTTP/1.0 400 Bad\r\nContent-Length: 0\r\n\r\n")
    for name, text in (("acl", "10.0.0.1\n"),
                       ("map", "1 2\n"), ("map-ip", "10.0.0.1 2\n"), ("map-ip-ip", "10.0.0.1 10.0.0.2\n"), ("map-int-ip", "1 10.0.0.2\n"), ("a", "\n"),
                       ("text", "x\n"), ("a.lua", "\n"), ("spoe", SPOE + "[a1]\n" + SPOE + "[a.b-c]\n" + SPOE), ("headers",
                       "host Host\n"), ("tickets", ""), ("crt-list", os.path.join(folder, "cert.pem") + "\n")):
        write(name, text)
    with open(os.path.join(folder, "tickets"), "w", encoding="ascii") as f:
        for i in range(3):
            f.write(subprocess.run([openssl, "rand", "-base64", "48"], check=True, capture_output=True, text=True).stdout)


def heir_of(text, kind):
    """The section that inherits, without what it does not take."""
    if kind == "backend":
        text = text.replace("%H h.t%Nt%F\n bind 127.0.0.1:10003\n", "%H h.t%Nt%F\n")
    elif kind == "frontend":
        text = re.sub(r"(%H.*\n bind .*\n) server .*\n", r"\1", text)
    return text.replace("%H", kind)


class Judge:
    def __init__(self, binary, release, folder):
        self.binary, self.release, self.folder = binary, release, folder
        self.world = "".join(text for since, text in WORLD if since <= release).replace("%D", folder)
        self.runs = 0
        self.pool = multiprocessing.pool.ThreadPool(max(2, os.cpu_count() or 2))
        said, _ = self.ask([])
        if said:
            raise SystemExit("%s refuses the sections that the lines stand in:\n%s" % (binary, "\n".join(said)))

    def text(self, cases, side):
        """The file that the lines stand in, and the case of each line number; `side`: names of files beside it, to be removed."""
        lines, at = [self.world], {}
        n = self.world.count("\n")
        for i, case in enumerate(cases):
            case.number = i
            # rules are inherited by sections of one kind only
            rule = re.match(r"(?:no |default )?(tcp-response)?(tcp-request|http-\w*-?(?:request|response) |quic-initial)?", case.text)
            heir = "backend" if rule.group(1) else "frontend" if rule.group(2) else "listen"
            before, behind = [heir_of(text, heir).replace("%F", " from t%Nt" if self.release >= 204 else "").replace("%N", str(i)) for text in SECTIONS.get(case.section, ("", ""))]
            head = case.section.partition("+")[0] + ("" if case.section in UNNAMED else " t%dt" % i) + "\n"
            if case.section == "section":
                kind = (case.text.split() + [""])[0]
                head = ""
                before, behind = "", "" if kind == "defaults" else "".join(SECTIONS.get(kind, ("", "")))
            if case.section.partition("+")[0] in ("frontend", "backend", "listen", "defaults"):
                head += " mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
            text = case.text
            if case.section == "crt-list":
                fd, name = tempfile.mkstemp(dir=self.folder)
                with os.fdopen(fd, "w") as f:
                    f.write("%s/cert.pem [%s] host\n" % (self.folder, text))
                side.append(name)
                head, text = "frontend t%dt\n" % i, "bind 127.0.0.1:10003 ssl ssl-min-ver TLSv1.0 ca-file %s/ca.pem crt-list %s" % (self.folder, name)
            part = head + before + " " + text + "\n" + behind
            for k in range(part.count("\n")):
                at[n + k + 1] = case
            n += part.count("\n")
            lines.append(part)
        return "".join(lines), at

    def ask(self, cases):
        """Runs HAProxy over lines. Returns its alerts, and the case of each line number."""
        side = []
        text, at = self.text(cases, side)
        fd, conf = tempfile.mkstemp(dir=self.folder, suffix=".cfg")
        with os.fdopen(fd, "w") as f:
            f.write(text)
        began = time.monotonic()
        waits = any(WAITS.match(c.text) for c in cases)
        try:
            master = ["-W"] if any((c.section + " " + c.text).startswith(("program", "section program")) for c in cases) else []
            done = subprocess.run([self.binary, *master, "-c", "-f", conf],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                                  timeout=2 if waits else 20, preexec_fn=bounds,
                                  cwd=self.folder, env={"PATH": os.environ.get("PATH", ""), "RES_OPTIONS": "attempts:1 timeout:1"})
            said = done.stdout.decode("latin-1")
            alerts = [a.replace(conf, "t.cfg") for a in alerts_in(said)]
            # a cache only warns of what it refuses
            alerts = [a for a in alerts if not re.search(r"config(uration)?( file)? ?: (Error\(s\)|Fatal errors) found|(Error\(s\)|Fatal errors) found in config", a)]
            if done.returncode not in (0, 2) and not alerts:
                alerts = ["[ALERT] ended with status %d" % done.returncode]
        except subprocess.TimeoutExpired:
            alerts = [] if waits else ["[ALERT] took too long"]
        finally:
            for name in side + [conf]:
                os.unlink(name)
        self.runs += 1
        if os.environ.get("DEBUG") and time.monotonic() - began > 1:
            sys.stderr.write("%.1f s for %d lines: %s\n" % (time.monotonic() - began, len(cases), "; ".join(c.text for c in cases[:4])))
        return alerts, at

    def blamed(self, alerts, at):
        """Which cases the alerts are about, and whether that is sure of all."""
        found, sure = set(), True
        for alert in alerts:
            numbers = [int(n) for n in re.findall(r"t\.cfg:(\d+)", alert)]
            names = [int(n) for n in re.findall(r"\bt(\d+)t\b", alert)]
            some = {at[n] for n in numbers if n in at} or {c for c in set(at.values()) if c.number in names}
            found |= some
            sure = sure and bool(some)
        return found, sure

    def alone(self, case):
        alerts, _ = self.ask([case])
        case.refused = "\n".join(alerts) if alerts else None

    def taken(self, cases):
        """For lines that should be taken: those that make trouble are asked alone."""
        doubtful, rest = [], list(cases)
        while rest:
            alerts, at = self.ask(rest)
            if not alerts:
                break
            found, sure = self.blamed(alerts, at)
            if not found:
                if len(rest) == 1:
                    doubtful += rest
                    break
                half = len(rest) // 2
                return doubtful + self.taken(rest[:half]) + self.taken(rest[half:])
            doubtful += [c for c in rest if c in found]
            rest = [c for c in rest if c not in found]
        return doubtful

    def refused(self, cases):
        """For lines that should be refused while they are read: those that are not are asked alone. HAProxy reads in stages, so what is not refused
        by the side of others is asked again without them."""
        rest = list(cases)
        while rest:
            alerts, at = self.ask(rest)
            found, _ = self.blamed([a for a in alerts if "t.cfg:" in a], at)
            for case in found:
                case.refused = "refused"
            rest = [c for c in rest if c not in found]
            if not found:
                break
        return rest

    def all(self, cases):
        """Sets `refused` of all cases."""
        jobs = []
        for sections in (("global",), ("defaults",), None):
            for khap, size in ((True, 150), (False, 40)):
                some = [c for c in cases if c.khap == khap and not WAITS.match(c.text) and (c.section in sections if sections else c.section not in ("global", "defaults"))]
                jobs += [(self.taken if khap else self.refused, some[i:i + size]) for i in range(0, len(some), size)]
        doubtful = [c for c in cases if WAITS.match(c.text)]
        doubtful += sum(self.pool.map(lambda job: job[0](job[1]), jobs), [])
        self.pool.map(self.alone, doubtful, chunksize=1)


def version(binary):
    text = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    return int(found.group(1)) * 100 + int(found.group(2)) if found else 0


def binaries():
    """The programs to ask: HAPROXY_RELEASES ("2.2=PATH …"), else HAPROXY, else the installed one."""
    return [w.split("=", 1)[1] for w in os.environ.get("HAPROXY_RELEASES", "").split()] or [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]


def temporary():
    folder = tempfile.mkdtemp(prefix="khap")
    os.chmod(folder, 0o755)
    return folder, lambda: shutil.rmtree(folder, ignore_errors=True)
