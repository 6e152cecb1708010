#!/usr/bin/python3
"""Where khapgen migrate writes a default that changed (lib/migrate/defaults.tsv), and where a line, an inherited one too, makes that moot."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
TIMES = "timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n"


def migrate(text, old, new):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "haproxy.cfg")
        with open(path, "w", newline="") as f:
            f.write(text)
        run = subprocess.run([KHAPGEN, "migrate", "--from", old, "--to", new, "-o", "-", path], capture_output=True)
        return run.stdout.decode(), run.stderr.decode()


def added(name, text, old, new, wanted):
    """`wanted`: the lines that are in the result and were not before."""
    out, said = migrate(text, old, new)
    before = text.splitlines()
    got = [x for x in out.splitlines() if x not in before]
    tap.equal("%s: what is written" % name, got, wanted)
    tap.ok("%s: every other line is as it was" % name, [x for x in out.splitlines() if x in before] ==
           [x for x in before if not any(w.startswith(x.split("  #")[0]) and x.startswith("    ") for w in wanted)], out + said)
    again, said = migrate(out, new, new)
    tap.equal("%s: nothing more to the same release" % name, again, out)


http = "defaults\n    mode http\n    " + TIMES
two = "    server a 127.0.0.1:1\n    server b 127.0.0.1:2\n"
added("no balance", "defaults\n    mode tcp\n    " + TIMES + "backend b\n" + two, "3.2", "3.4", ["    balance roundrobin"])
added("balance", "defaults\n    mode tcp\n    " + TIMES + "backend b\n    balance source\n" + two, "3.2", "3.4", [])
added("balance, inherited", "defaults\n    mode tcp\n    balance leastconn\n    " + TIMES + "backend b\n" + two, "3.2", "3.4", [])
added("one server", "defaults\n    mode tcp\n    " + TIMES + "backend b\n    server a 127.0.0.1:1\n", "3.2", "3.4", [])
added("balance, from a defaults of defaults", "defaults x\n    balance leastconn\n    " + TIMES + "defaults y from x\n    mode tcp\nbackend b from y\n" + two,
      "3.2", "3.4", [])
added("mode http, and in one backend not", http + "backend h\n    server a 127.0.0.1:1\nbackend t\n    mode tcp\n    server a 127.0.0.1:1\n", "3.2", "3.4",
      ["    no option abortonclose"])
added("abortonclose is said", http + "    no option abortonclose\nbackend h\n    server a 127.0.0.1:1\n", "3.2", "3.4", [])
added("TLS in mode http", http + "frontend f\n    bind 127.0.0.1:1 ssl crt x.pem  # ours\n    bind 127.0.0.1:2 ssl crt x.pem alpn h2\n    bind 127.0.0.1:3\n"
      "    default_backend b\nbackend b\n    server a 127.0.0.1:1\n", "2.6", "3.0", ["    bind 127.0.0.1:1 ssl crt x.pem no-alpn  # ours"])
added("TLS in mode tcp", "defaults\n    mode tcp\n    " + TIMES + "frontend f\n    bind 127.0.0.1:1 ssl crt x.pem\n    default_backend b\n"
      "backend b\n    server a 127.0.0.1:1\n", "2.6", "3.0", [])
added("QUIC", http + "frontend f\n    bind quic4@127.0.0.1:1 ssl crt x.pem\n    default_backend b\nbackend b\n    server a 127.0.0.1:1\n", "2.6", "3.0", [])
added("a value that equals an option", http + "backend b\n    no option abortonclose\n    server a 127.0.0.1:1 cookie ssl\n", "3.2", "3.4", [])
added("default-server", http + "    no option abortonclose\n    default-server ssl verify none\nbackend b\n    server a 127.0.0.1:1\nbackend c\n    balance first\n"
      "    server s 127.0.0.1:3 sni str(x)\n    default-server no-ssl\n    server b 127.0.0.1:2\n", "3.2", "3.4", ["    server a 127.0.0.1:1 no-sni-auto"])
added("back", http + "listen l\n    bind 127.0.0.1:1 ssl crt x.pem\n    option abortonclose\n" + two, "3.4", "2.6",
      ["    balance random", "    bind 127.0.0.1:1 ssl crt x.pem alpn h2,http/1.1"])
added("a branch for other releases", http + "backend b\n    no option abortonclose\n.if version_atleast(3.3)\n    balance leastconn\n.endif\n" + two,
      "3.2", "3.4", [])

crlf = ("listen l\n    mode tcp\n    bind 127.0.0.1:9\n    " + TIMES + two).replace("\n", "\r\n")
out, said = migrate(crlf, "3.2", "3.4")
tap.equal("line ends of its own", out, crlf.replace("listen l\r\n", "listen l\r\n    balance roundrobin\r\n"))
out, said = migrate(http + "frontend f\n    bind 127.0.0.1:1\nfrontend g\n    bind 127.0.0.1:2\n", "3.0", "3.2")
tap.ok("what is only told is told once", said.count("it gets 414 or 431") == 1 and "and in 1 more" in said, said)
out, said = migrate("frontend f\n    mode http\n    timeout client 1s\n    bind 127.0.0.1:1 ssl crt x.pem ssl-min-ver TLSv1.3\n", "2.0", "2.4")
tap.ok("a line makes it moot", "TLS 1.2" not in said and "there is one thread" not in said, said)
out, said = migrate("global\n    ssl-default-bind-options ssl-min-ver TLSv1.1\nfrontend f\n    mode http\n    timeout client 1s\n    bind 127.0.0.1:1 ssl crt x.pem\n",
                    "2.0", "2.4")
tap.ok("and one in global", "TLS 1.2" not in said, said)
out, said = migrate("frontend f\n    mode http\n    timeout client 1s\n    bind 127.0.0.1:1 ssl crt x.pem\n", "1.8", "2.4")
tap.ok("else it is told", "migrate-default-changed" in said and "'ssl-min-ver TLSv1.0' keeps it" in said and "there is one thread" in said, said)
tap.finish()
