#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""req… and rsp… lines migrated, against what HAProxy 1.5 to 2.0 did with them.

The lines below are of the kind that people have in their configurations. A simulator of the old rules, written from the manuals and apart from the
library, says what a server shall see of a request and a client of the answer; real HAProxies run what `khapgen migrate` makes of the lines, each line in
a section of its own, and several at random in one. It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those. N=… sets how many
requests for each section, LINES=… how many lines are made at random, SEED=… which.
"""
import collections
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
import verdict

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")

# What becomes of a line: same, differs, left. Of what differs, which requests or answers are not asked: `header`, that have a header that matches, or `*` for a URI;
# `value`, that have it in the value of a header; `several`, that have several headers of one name that matches, or one of the new name; `reason`, with an unusual reason
# phrase; `name`, with another header that matches, or a request line; `none`: all are asked. `alone`: the same, but not beside others.
CORPUS = """
same	reqirep ^Host:\\ (.*) Host:\\ new.example.com
same	reqirep ^Host:.* Host:\\ new.example.com
same	reqirep ^Host:\\ www\\.(.*)$ Host:\\ \\1
same	reqirep ^Host:\\ (.*)\\.old\\.example$ Host:\\ \\1.new.example
same	reqirep ^Host:\\ ([^:]*)(:[0-9]+)?$ Host:\\ \\1 if { path_beg /old }
same	reqirep ^(Host:\\ )www\\.example\\.com(.*) \\1example.com\\2
name	reqirep Host:\\ (.*) Host:\\ new.example.com
same	reqrep ^([^\\ :]*)\\ /old/(.*) \\1\\ /new/\\2
header	reqrep ^([^\\ ]*)\\ /old/(.*) \\1\\ /new/\\2
header	reqrep ^([^\\ ]*\\ /)svc/(.*) \\1\\2
same	reqrep ^([^\\ :]*)\\ /app1[/]?(.*) \\1\\ /\\2
same	reqirep ^(GET|POST)\\ /api/v1/(.*) \\1\\ /v1/\\2
same	reqirep ^(GET|POST|PUT)\\ /old/(.*)\\ HTTP/1\\.[01]$ \\1\\ /new/\\2\\ HTTP/1.1
same	reqrep ^GET\\ /\\ HTTP/1.1 GET\\ /index.html\\ HTTP/1.1
none	reqrep ^GET\\ /$ GET\\ /index.html
same	reqirep ^([^:\\ ]*)\\ /static/(.*)\\.(css|js)(\\?[^\\ ]*)?\\ (.*) \\1\\ /assets/\\2.min.\\3\\ \\5
same	reqrep ^([^\\ :]*)\\ /(.*)\\?x=1\\ (.*) \\1\\ /\\2\\ \\3
same	reqrep ^([^\\ :]*)\\ //+(.*) \\1\\ /\\2
header	reqirep ^(.*)\\ /foo(.*) \\1\\ /bar\\2
header	reqirep ^([^\\ ]*)\\ ([^\\ ]*)\\ (.*) \\1\\ /prefix\\2\\ \\3
alone	reqrep ^HEAD\\ (.*) GET\\ \\1
same	reqirep ^([^:\\ ]*)\\ /old/([^/\\ ]*)/([^\\ ]*)\\ (.*) \\1\\ /\\3/\\2\\ \\4
same	reqirep ^([^:\\ ]*)\\ /lang/([a-z]{2})/(.*) \\1\\ /\\3
same	reqrep ^([^\\ :]*)\\ /100%/(.*) \\1\\ /50%25/\\2
same	reqidel ^X-Forwarded-For:
same	reqidel ^X-Forwarded-For:.*
same	reqidel ^X-Forwarded-For
same	reqidel ^X-
same	reqdel ^X-.*
same	reqidel ^(X-Forwarded-For|X-Real-IP|Forwarded):
same	reqidel ^X-[a-z]*-Debug:
several	reqidel ^Cookie:.*tracking=
value	reqidel Forwarded
value	reqidel X-Debug:
same	reqidel ^Accept-Encoding:
same	reqadd X-Proto:\\ https if { ssl_fc }
same	reqadd X-Proto:\\ http if !{ ssl_fc }
same	reqadd X-Forwarded-Proto:\\ https
same	reqadd X-Percent:\\ 100%\\ %[src]
same	reqadd X-Empty:
same	reqadd X-One:\\ 1\\r\\nX-Two:\\ 2
same	reqadd X-Back:\\ a\\\\b\\ \\1c
same	reqideny ^User-Agent:\\ .*badbot
same	reqideny ^User-Agent:.*(badbot|evil|nikto)
same	reqdeny ^User-Agent:\\ $
same	reqdeny ^User-Agent:\\ -curl
same	reqideny badbot
same	reqideny evil.*bot
same	reqideny ^[^:\\ ]*\\ .*cmd\\.exe
same	reqideny ^[^:\\ ]*\\ .*\\.(exe|dll)([?\\ ]|$)
same	reqdeny ^POST\\ /readonly
same	reqdeny ^(POST|PUT|DELETE)\\ /old/ unless { hdr(X-Token) secret }
same	reqdeny ^[^\\ ]*\\ /private/ if { hdr(X-Token) none } or METH_GET
same	reqdeny ^(TRACE|TRACK)
same	reqideny ^Referer:\\ http://([^/]*\\.)?spam\\.example/
same	reqideny ^X-Evil
same	reqdeny ^[^\\ ]*\\ [^\\ ]*\\ HTTP/1\\.0
same	reqitarpit ^[^\\ ]*\\ /wp-admin
same	reqitarpit ^[^:\\ ]*\\ /(wp-login|xmlrpc)\\.php
same	reqtarpit ^User-Agent:\\ (libwww|lwp|Wget).*
same	reqirep ^Connection:.* Connection:\\ close
same	reqirep ^Cookie:.* Cookie:
same	reqirep ^Cookie:\\ (.*)tracking=[^;]*;?\\ ?(.*) Cookie:\\ \\1\\2
same	reqirep ^Accept-Encoding:\\ gzip[,]*[\\ ]*deflate.* Accept-Encoding:\\ gzip,\\ deflate
same	reqirep ^Destination:\\ https:(.*) Destination:\\ http:\\1
same	reqirep ^Referer:\\ http://([^/]*)/(.*) Referer:\\ https://\\1/\\2 if METH_POST
several	reqirep ^X-Old:\\ (.*) X-New:\\ \\1
several	reqirep ^Authorization:\\ Basic\\ (.*) X-Auth:\\ \\1
several	reqirep ^X-Forwarded-Host:.* X-Was-Forwarded:\\ yes
same	rspidel ^Server:.*
same	rspdel ^ETag:.*
same	rspidel ^X-Powered-By
value	rspidel Server
same	rspidel ^(X-Powered-By|X-AspNet-Version|Server):
several	rspidel ^Set-Cookie:\\ SESSION=
same	rspadd Strict-Transport-Security:\\ max-age=31536000;\\ includeSubDomains
same	rspadd X-Frame-Options:\\ SAMEORIGIN if { status 200 }
same	rspadd Cache-Control:\\ no-cache unless { status 404 } or { status 500 }
same	rspirep ^Location:\\ http://(.*) Location:\\ https://\\1
same	rspirep ^Location:\\ http://www\\.example\\.com(:[0-9]+)?/(.*) Location:\\ https://www.example.com/\\2
same	rspirep ^Location:\\ (https?://[^/]*)?/old/(.*) Location:\\ \\1/new/\\2
same	rspirep ^(Location:)\\ http://([^/]*)/(.*)$ \\1\\ /\\3
name	rspirep Location:\\ http://(.*) Location:\\ https://\\1
same	rspirep ^(Set-Cookie:.*) \\1;\\ Secure
same	rspirep ^(set-cookie:.*) \\1;\\ Secure;\\ HttpOnly if { status 200 }
same	rspirep ^Set-Cookie:\\ (.*)[Dd]omain=[^;]*(.*) Set-Cookie:\\ \\1domain=.example.com\\2
same	rspirep ^Set-Cookie:\\ SESSION=(.*) Set-Cookie:\\ SESSION=\\1;\\ HttpOnly
same	rspirep ^Set-Cookie:(.*)[Pp]ath=/old(.*) Set-Cookie:\\1path=/new\\2
same	rsprep ^Server:.* Server:\\ webserver
same	rspirep ^Server:\\ ([^/]*).* Server:\\ \\1
several	rspirep ^Server:\\ (.*) X-Backend:\\ \\1
same	rsprep ^HTTP/1.1\\ 404\\ .* HTTP/1.1\\ 200\\ OK
same	rsprep ^HTTP/1\\.[01]\\ 302(.*) HTTP/1.1\\ 301\\ Moved\\ Permanently
reason	rsprep ^HTTP/1.1\\ 404\\ Not\\ Found HTTP/1.1\\ 410\\ Gone
same	rspdeny ^HTTP/1\\..\\ 5
same	rspideny ^X-Debug:
same	rspideny ^Content-Type:\\ .*x-secret
left	reqirep ^X-.(.*) X-Debug:\\1
left	reqrep ^(X-[^:]*):\\ (.*) \\1:\\ new-\\2
left	rspirep ^([^:]*):\\ (.*)http://(.*) \\1:\\ \\2https://\\3
left	reqirep ^GET\\ /(.*) POST\\ /post/\\1
"""
CORPUS = [line.split("\t") for line in CORPUS.strip("\n").split("\n")]

# What is said of a line that differs, and which messages are not asked then.
SAID = [("changes the request line only", "header"), ("changes the status line only", "header"), ("only have it in their value", "value"), ("all of that name go", "several"),
        ("none of the new one", "several"), ("reason phrase", "reason"), ("of just that name", "name"), ("matched no line of HTTP/1", "none"), ("asked again for each", "never"), ("still see the old one", "never"), ("Host follows", "uri"), ("of methods that are not in it", "method")]

HEAD = "global\n stats socket SOCKET\ndefaults\n mode http\n timeout client 10s\n timeout server 10s\n timeout connect 5s\n timeout tarpit 10ms\n"


# ---- the old rules

def lex(line):
    """The words of a line without quotes, as HAProxy 1.5 reads it."""
    words, word, i = [], "", 0
    while i < len(line):
        c = line[i]
        if c == "\\" and i + 1 < len(line):
            i += 1
            c = {"r": "\r", "n": "\n", "t": "\t"}.get(line[i], line[i] if line[i] in " \\#" else "\\" + line[i])
        elif c == " ":
            words.append(word)
            word = c = ""
        word += c
        i += 1
    return words + [word]


class Message:
    """A request or an answer: its first line, and its headers as (name, value)."""

    def __init__(self, top, headers):
        self.top, self.headers = top, list(headers)

    def values(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def copy(self):
        return Message(self.top, self.headers)


def ask_one(term, message):
    """One ACL of those that the corpus has."""
    if term == ["METH_GET"]:
        return message.top.split(" ")[0] in ("GET", "HEAD")
    if term == ["METH_POST"]:
        return message.top.split(" ")[0] == "POST"
    if term[0] == "ssl_fc":
        return False
    if term[0] == "path_beg":
        return message.top.split(" ")[1].startswith(term[1])
    if term[0].startswith("hdr("):
        return any(part.strip() == term[1] for v in message.values(term[0][4:-1]) for part in v.split(","))
    if term[0] == "status":
        return message.top.split(" ")[1] == term[1]
    raise ValueError(term)


def holds(words, message):
    """if … or unless …; no words: always."""
    if not words:
        return True
    unless, result, all_of, i = words[0] == "unless", False, True, 1
    while i < len(words):
        word = words[i]
        if word in ("or", "||"):
            result, all_of = result or all_of, True
        else:
            negated = word.startswith("!")
            word = word.lstrip("!")
            if word == "{":
                end = words.index("}", i)
                term, i = words[i + 1:end], end
            else:
                term = [word]
            all_of = all_of and ask_one(term, message) != negated
        i += 1
    return (result or all_of) != unless


def expand(replacement, match):
    """HAProxy's own replacement of a whole line."""
    out, i = "", 0
    while i < len(replacement):
        c = replacement[i]
        i += 1
        if c != "\\":
            out += c
        elif replacement[i].isdigit():
            out += match.group(int(replacement[i])) or ""
            i += 1
        else:
            out += replacement[i]
            i += 1
    return out


def parts(header):
    name, _, value = header.partition(":")
    return name, value.strip(" \t")


class Rule:
    def __init__(self, line):
        words = lex(line)
        self.line, self.keyword = line, words[0]
        self.response = words[0].startswith("rsp")
        self.action = words[0][3:]
        self.regex = None
        if self.action != "add":
            nocase = self.action[0] == "i"
            self.action = self.action[1:] if nocase else self.action
            # header names are compared without case: HTTP/2 has no other ones, and clients write them as they like
            self.regex = re.compile(words[1], re.I if nocase else 0)
        self.argument = words[2] if self.action == "rep" else words[1]
        self.condition = words[3 if self.action == "rep" else 2:]

    def add(self, message):
        for line in self.argument.replace("\r\n", "\n").split("\n"):
            message.headers.append(parts(line))

    def run(self, message, allowed):
        """deny, tarpit, allow, or nothing; and the message is changed."""
        verdict = self.action in ("deny", "tarpit", "allow")
        if verdict and allowed:
            return None
        match = self.action != "del" and self.regex.search(message.top)
        if match:
            if verdict:
                return self.action
            message.top = expand(self.argument, match)
            return None
        kept = []
        for name, value in message.headers:
            match = self.regex.search("%s: %s" % (name, value))
            if match and verdict:
                return self.action
            if match and self.action == "rep":
                name, value = parts(expand(self.argument, match))
            if not match or self.action != "del":
                kept.append((name, value))
        message.headers = kept
        return None


def old(rules, message, response):
    """What comes out; or a status that HAProxy answers."""
    message, allowed = message.copy(), False
    for rule in rules:
        if rule.response != response or rule.action == "add" or not holds(rule.condition, message):
            continue
        verdict = rule.run(message, allowed)
        allowed = allowed or verdict == "allow"
        if verdict in ("deny", "tarpit"):
            return 502 if response else {"deny": 403, "tarpit": 500}[verdict]
    for rule in rules:
        if rule.response == response and rule.action == "add" and holds(rule.condition, message):
            rule.add(message)
    return message


def unusual(kind, rule, message):
    """Whether the rule says that it differs for such a message."""
    lines = [("%s: %s" % h, h) for h in message.headers]
    hits = [h for line, h in lines if rule.regex and rule.regex.search(line)]
    if kind == "header":
        return bool(hits) or " * " in message.top
    if kind == "value":
        return any(not rule.regex.search(name + ":") for name, _ in hits)
    if kind == "several":
        names = [name.lower() for name, _ in message.headers]
        new = re.match(r"([\w-]+):", rule.argument)
        return any(names.count(name.lower()) > 1 or (new and name.lower() != new.group(1).lower() in names) for name, _ in hits)
    if kind == "name":
        wanted = re.match(r"[\w-]+", rule.argument).group(0).lower()
        return bool(rule.regex.search(message.top)) or any(name.lower() != wanted or not rule.regex.match("%s: %s" % (name, value)) for name, value in hits)
    if kind == "uri":
        return bool(rule.regex.search(message.top) or hits)
    if kind == "method":
        return message.top.split(" ")[0] not in METHODS
    if kind == "reason":
        return not rule.regex.search(message.top) and bool(re.search(" 404 ", message.top))
    return False


# ---- what is asked

METHODS = ["GET", "GET", "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE"]
PATHS = ["/", "/old/", "/old/a", "/old/a/b/c", "/OLD/x", "/oldest", "/new/old/x", "/svc/x", "/svc", "/app1", "/app1/x", "/app1x", "/api/v1/users", "/api/V1/x", "/readonly",
         "/index.html", "/static/a/b.css", "/static/x.js", "//x", "///y/z", "/foo", "/foo/bar", "/private/x", "/wp-admin/index.php", "/WP-Admin", "/wp-login.php",
         "/xmlrpc.php", "/x/wp-login.php", "/cmd.exe", "/a/CMD.EXE", "/b.dll", "/c.exe.txt", "/100%/x", "/lang/de/x", "/lang/deu/x", "/badbot", "/evil/robot", "/x/old/"]
QUERIES = ["", "", "", "?x=1", "?x=1&y=/old/", "?y=2", "?/old/x", "?q=badbot", "?u=http://x/"]
NAMES = ["Host", "X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host", "X-Foo-Debug", "X-Debug", "X-Old", "X-New", "X-Token", "X-Evil-Header", "Cookie", "Accept-Encoding", "User-Agent",
         "Referer", "Destination", "Authorization", "X-Auth", "Forwarded", "X-Forwarded-Forty", "Origin", "Get-It", "X-Original-URL", "Via"]
VALUES = {"Host": ["www.example.com", "www.example.com:8080", "a.old.example", "WWW.OTHER.ORG"], "Cookie": ["a=1; tracking=x; b=2", "tracking=y", "a=1", "TRACKING=z; c=3"],
          "Accept-Encoding": ["gzip, deflate", "gzip,deflate,br", "br", "gzip"], "User-Agent": ["Mozilla/5.0 (BadBot)", "evil", "Wget/1.2", "libwww-perl", "-curl", "curl/7", "", "Nikto"],
          "Referer": ["http://spam.example/x", "http://a.spam.example/", "http://good.example/old/", "https://x.example/?http://spam.example/"],
          "Destination": ["https://h/x", "http://h/x"], "Authorization": ["Basic Zm9v", "Bearer x", "basic YmFy"], "X-Token": ["secret", "none", "a, secret"]}
ANY = ["a", "1.2.3.4, 5.6.7.8", "/old/x", "/foo", "badbot", "100% of \\1", "x-debug: y", "Host: www.example.com", "Forwarded: for=x", "Location: http://x/", "", "/wp-admin"]
ANSWERS = ["200 OK", "200 OK", "404 Not Found", "404 Nope", "302 Found", "500 Internal Server Error", "503 Service Unavailable", "204 No Content", "304 Not Modified"]
GIVEN = {"Server": ["nginx/1.2", "Apache", "a/b/c"], "ETag": ["x"], "X-Powered-By": ["PHP/5", "Server: x"], "X-AspNet-Version": ["4"], "Set-Cookie": ["SESSION=1; path=/old; Domain=x.example", "a=b", "session=2; Path=/old/x"],
         "Location": ["http://www.example.com/a", "http://www.example.com:8080/old/b", "/old/c", "https://h/old/d", "HTTP://H/x"], "X-Debug": ["1"], "X-Thing": ["Server", "Location: http://y/", "http://z/"],
         "Content-Type": ["text/html", "application/x-secret"], "Server-Timing": ["x"], "Content-Location": ["http://q/"]}


def headers_of(rng, names, values, least):
    chosen = [rng.choice(names) for _ in range(rng.randint(least, 5))]
    out = []
    for name in chosen:
        if name == "Host" and any(k.lower() == "host" for k, _ in out):
            continue
        value = rng.choice(values.get(name, ANY) if name == "Host" or rng.random() < 0.8 else ANY)
        out.append((name, value))
    return out


def matching(rng, nodes):
    """A text that the parsed regular expression may match."""
    out = ""
    for kind, value in nodes:
        name = str(kind)
        if name == "LITERAL":
            out += chr(value)
        elif name == "NOT_LITERAL":
            out += rng.choice([c for c in "ax/ .:-" if ord(c) != value])
        elif name == "ANY":
            out += rng.choice("ax/ .:;=-?")
        elif name == "IN":
            negated = str(value[0][0]) == "NEGATE"
            chars = set()
            for k, v in value:
                chars |= {chr(v)} if str(k) == "LITERAL" else {chr(c) for c in range(v[0], v[1] + 1)} if str(k) == "RANGE" else set()
            out += rng.choice([c for c in "abGET/x.-=1" if c not in chars] if negated else sorted(chars) or ["7"])
        elif name == "BRANCH":
            out += matching(rng, rng.choice(value[1]))
        elif name == "SUBPATTERN":
            out += matching(rng, value[-1])
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, what = value
            out += "".join(matching(rng, what) for _ in range(rng.randint(least, min(most, least + 4))))
    return out


def aimed(rng, rules, response):
    """A line that one of the rules may match, or nearly; None."""
    fitting = [r for r in rules if r.regex and r.response == response]
    if not fitting or rng.random() < 0.3:
        return None
    rule = rng.choice(fitting)
    line = matching(rng, re._parser.parse(rule.regex.pattern) if hasattr(re, "_parser") else re.sre_parse.parse(rule.regex.pattern))
    if rng.random() < 0.2 and line:
        at = rng.randrange(len(line))
        line = line[:at] + rng.choice(["", "x", line[at] * 2, line[at].swapcase(), "/"]) + line[at + 1:]
    if rng.random() < 0.1:
        line = line.swapcase()
    return "".join(c for c in line if " " <= c <= "~")


def put_aimed(rng, message, line, response, rules):
    """Puts a line into a message where it can stand."""
    # names in the case that the rules have, for those that stand for one: that it does not matter any longer is told by a note
    spelled = {w.lower(): w for w in NAMES + list(GIVEN)}
    for some in ([r.line for r in rules], [r.line.split(":")[0] for r in rules]):
        spelled.update((w.lower(), w) for words in some for w in re.findall(r"[\w-]+", words))
    words = line.split(" ")
    if response and re.match(r"HTTP/1\.[01] [2-5]\d\d( |$)", line):
        message.top = "HTTP/1.1 %s %s" % (words[1], " ".join(words[2:]).strip() or "Reason")
    elif not response and len(words) >= 2 and re.match(r"[A-Z]+ (/[!-~]*|\*)( |$)", line):
        message.top = "%s %s HTTP/1.%d" % (words[0], words[1], rng.random() < 0.9)
    elif re.match(r"[A-Za-z0-9-]+:", line):
        name, value = parts(line)
        for word in sorted(spelled, key=len):
            if name.lower().startswith(word):
                name = spelled[word] + name[len(word):]
        if name.lower() in OWN + ("upgrade", "expect", "te") or (name.lower() == "host" and rng.random() < 0.1):
            return
        if name.lower() == "host":
            message.headers = [h for h in message.headers if h[0] != "Host"]
            value = value if re.match(r"[\w-]+(\.[\w-]+)*(:\d{1,4})?$", value) else "a." + (re.sub(r"[^a-z.]|^\.+|\.(?=\.)|\.$", "", value) or "h")
            name = "Host"
        message.headers.insert(rng.randint(0, len(message.headers)), (name, value))
    elif re.match(r"[!-9;-~]+$", line):
        message.headers.append(("X-Thing", line))


def request(rng, rules):
    # names that the rules speak of come more often
    named = [n for n in NAMES if any(n.lower() in r.line.lower() for r in rules)]
    method = rng.choice(METHODS)
    uri = "*" if method == "OPTIONS" and rng.random() < 0.3 else rng.choice(PATHS) + rng.choice(QUERIES)
    mine = [p for p in PATHS if len(p) > 2 and any(p.split("/")[1][:4] in r.line for r in rules)]
    if mine and uri != "*" and rng.random() < 0.6:
        uri = rng.choice(mine) + rng.choice(QUERIES)
    headers = headers_of(rng, NAMES + named * 15, VALUES, 0)
    if not any(k == "Host" for k, _ in headers):
        headers.insert(0, ("Host", rng.choice(VALUES["Host"])))
    message = Message("%s %s HTTP/1.%d" % (method, uri, rng.random() < 0.9), headers)
    line = aimed(rng, rules, False)
    if line:
        put_aimed(rng, message, line, False, rules)
    return message


def answer(rng, rules):
    named = [n for n in GIVEN if any(n.lower() in r.line.lower() for r in rules)]
    message = Message("HTTP/1.1 " + rng.choice(ANSWERS), headers_of(rng, list(GIVEN) + named * 10, GIVEN, 0))
    line = aimed(rng, rules, True)
    if line:
        put_aimed(rng, message, line, True, rules)
    return message


# ---- the wire

def read_head(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise EOFError
        data += more
    lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return Message(lines[0], [parts(l) for l in lines[1:]])


class Backend:
    """Gives the answer that it was told, and keeps the request that it saw."""

    def __init__(self, path):
        self.seen, self.give = None, None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o777)
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn:
            try:
                while True:
                    self.seen = read_head(conn)
                    conn.sendall(wire(self.give))
            except (EOFError, OSError):
                pass


def wire(message):
    lines = [message.top] + ["%s: %s" % h for h in message.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


# Those are HAProxy's and the test's own.
OWN = ("connection", "content-length", "keep-alive", "transfer-encoding")


def shape(message, response):
    """What is compared: the request line or the status line, without the version; the headers."""
    if not isinstance(message, Message):
        return message
    top = message.top.split(" ")
    reason = " ".join(top[2:]) if response else ""
    return (top[1], reason) if response else (top[0], top[1]), sorted((k.lower(), v) for k, v in message.headers if k.lower() not in OWN)


class Run:
    """A HAProxy with a section for each set of rules."""

    def __init__(self, binary, folder, sections):
        self.folder, self.sections = folder, sections
        self.backend = Backend(os.path.join(folder, "backend"))
        text = HEAD.replace("SOCKET", os.path.join(folder, "stats"))
        for i, lines in enumerate(sections):
            text += "listen c%d\n bind unix@%s/c%d mode 666\n%s server s unix@%s/backend\n" % (i, folder, i, "".join(" %s\n" % l for l in lines), folder)
        self.config, self.new = os.path.join(folder, "old.cfg"), os.path.join(folder, "new.cfg")
        with open(self.config, "w", encoding="latin-1") as f:
            f.write(text)
        self.binary, self.process, self.said = binary, None, ""

    def migrate(self, release):
        with open(self.config, encoding="latin-1") as f:
            self.text = f.read()
        return subprocess.run([KHAPGEN, "migrate", "--from", "2.0", "--to", release, "-o", self.new, self.config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                              encoding="latin-1")

    def start(self):
        check = subprocess.run([self.binary, "-c", "-f", self.new], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, encoding="latin-1")
        self.said = "\n".join(l for l in verdict.of_configuration(check.stdout).split("\n") if "[ALERT]" in l or "[WARNING]" in l)
        if check.returncode != 0:
            return False
        self.process = subprocess.Popen([self.binary, "-db", "-f", self.new], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            if os.path.exists(os.path.join(self.folder, "c%d" % (len(self.sections) - 1))):
                return True
            time.sleep(0.01)
        return False

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def ask(self, number, message, give):
        """What the server saw, and what the client got."""
        self.backend.seen, self.backend.give = None, give
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            for _ in range(100):
                try:
                    sock.connect(os.path.join(self.folder, "c%d" % number))
                    break
                except OSError:
                    time.sleep(0.01)
            sock.sendall(wire(message))
            got = read_head(sock)
        return self.backend.seen, got


def compare(run, number, rules, kinds, rng):
    """One request: whether it was asked, and what was wrong."""
    message, give = request(rng, rules), answer(rng, rules)
    give.headers.append(("Content-Length", "0"))
    for rule, kind in zip(rules, kinds):
        if unusual(kind, rule, give if rule.response else message):
            return False, None
    wanted = old(rules, message, False)
    if isinstance(wanted, Message):
        if not re.match(r"[A-Z]+ [^ ]+ HTTP/1\.[01]$", wanted.top):
            return False, None
        back = old(rules, give, True)
        if isinstance(back, Message) and back.values("Content-Length") != ["0"]:
            return False, None
    try:
        seen, got = run.ask(number, message, give)
    except (OSError, EOFError) as e:
        return True, "%r: no answer: %r" % (wire(message), e)
    if isinstance(wanted, int):
        ok, is_now, shall = seen is None and int(got.top.split()[1]) == wanted, (seen and shape(seen, False), got.top), wanted
    elif isinstance(back, int):
        ok, is_now, shall = seen is not None and int(got.top.split()[1]) == back, got.top, back
    else:
        is_now, shall = (seen and shape(seen, False), shape(got, True)), (shape(wanted, False), shape(back, True))
        ok = is_now == shall
    changed = not isinstance(wanted, Message) or isinstance(back, int) or shape(wanted, False) != shape(message, False) or shape(back, True) != shape(give, True)
    run.hits[number] += changed
    return True, None if ok else "%s\nasked: %r\ngiven: %r\nis:    %r\nshall: %r" % ("\n".join(r.line for r in rules), wire(message), wire(give), is_now, shall)


# ---- lines made at random

def blank(rng):
    return rng.choice(["\\ ", "\\ ", "\\ ", "", "[\\ ]*", "\\s*", ".*", "\\ +"])


def value_regex(rng, words, groups):
    """A regular expression for a value, and how many groups it has."""
    out = ""
    for _ in range(rng.randint(0, 4)):
        kind = rng.randrange(9)
        word = re.sub(r"([^A-Za-z0-9_/ :;=,-])", r"\\\1", rng.choice(words)).replace(" ", "\\ ")
        if kind < 3:
            out += word
        elif kind == 3:
            out += rng.choice([".*", ".+", "[^;\\ ]*", "[a-z]+", "[0-9]*", ".", "[^/]*", ".*?", "x?"])
        elif kind < 7:
            out += "(" + rng.choice([".*", ".*", "[^/]*", "[^\\ ]*", "[a-z0-9.]+", word, word + "|" + rng.choice("abc/"), ".*?", "a(b|c)*"]) + ")"
            groups += 1 + ("(b" in out[-7:])
            if rng.random() < 0.1:
                out += "?"
        elif kind == 7:
            out += rng.choice(["(?:a|/)", "[A-Z]", "/", "\\.", "\\d"])
        else:
            out += word + "*"
    return out, groups


def replacement(rng, begin, words, groups, end=""):
    out = begin
    for _ in range(rng.randint(1, 3)):
        out += "\\%d" % rng.randint(1, groups) if groups and rng.random() < 0.6 else rng.choice(words + ["100%", "\\\\\\\\x"]).replace(" ", "\\ ")
    return out + end


def random_header(rng, response):
    values = GIVEN if response else VALUES
    name = rng.choice([n for n in (GIVEN if response else NAMES) if n != "Host"])
    words = [v for v in values.get(name, ANY) if v] + ["/", "a"]
    groups, kind = 0, rng.random()
    if kind < 0.6:
        start = "^" + name + ":"
    elif kind < 0.7:
        start = "^" + name[:rng.randint(2, len(name))]
    elif kind < 0.8:
        start = "^(%s|%s):" % (name, rng.choice(NAMES[1:]))
        groups = 1
    elif kind < 0.9:
        start, groups = "^(" + name + ":", 1
    else:
        start = rng.choice(["", "^[Xx]-[A-Za-z-]*:", "^.*", "^X-.*:", name + ":", "^[^:]*:"])
    regex, groups = value_regex(rng, words, groups)
    regex = start + (blank(rng) if start.endswith(":") else "") + regex
    if start.startswith("^(" + name + ":"):
        regex += ")"
    if rng.random() < 0.2:
        regex += "$"
    to = name if rng.random() < 0.85 else "X-New"
    begin = "\\1" if start.startswith("^(" + name) and rng.random() < 0.7 else to
    if not start.startswith("^(" + name + ":") or begin == to:
        begin += ":" + rng.choice(["", "\\ ", "\\ "])
    return regex, replacement(rng, begin, words, groups)


def random_request(rng):
    methods, groups = rng.choice([("^([^\\ :]*)", 1), ("^([^\\ ]*)", 1), ("^GET", 0), ("^(GET|POST)", 1), ("^(.*)", 1), ("^[^:\\ ]*", 0), ("^([A-Z]+)", 1), ("^(P[A-Z]*)", 1)])
    words = [p for p in PATHS if " " not in p]
    regex, more = value_regex(rng, words + ["?x=1"], groups)
    end, last = rng.choice([("(.*)", 1), ("\\ (.*)", 1), ("", 0), ("\\ HTTP/1\\.[01]$", 0), ("\\ (HTTP/1\\.1)", 1), (".*", 0)])
    to = "\\1" if groups and rng.random() < 0.9 else rng.choice(["GET", "POST"])
    ends = "\\%d" % (more + 1) if last else "\\ HTTP/1.1"
    out = replacement(rng, to + "\\ " + rng.choice(["/", "/", "", "/new/"]), ["/a", "/b/", "x"], more, ("\\ " if end.startswith("\\ (") else "") + ends)
    return methods + "\\ " + rng.choice(["/", "/", ""]) + regex + end, out


def random_line(rng):
    keyword = rng.choice(["reqrep", "reqirep", "reqrep", "reqirep", "rsprep", "rspirep", "reqdel", "reqidel", "rspdel", "rspidel", "reqdeny", "reqideny", "reqtarpit", "rspdeny", "rspideny"])
    response = keyword.startswith("rsp")
    regex, to = random_request(rng) if not response and rng.random() < 0.4 and "del" not in keyword else random_header(rng, response)
    # case of a name counts no longer; where the name is not written out it may matter
    if not re.match(r"(req|rsp)i", keyword) and not re.match(r"\^\(?[\w-]+(\|[\w-]+\))?:", regex) and "\\ /" not in regex:
        keyword = keyword[:3] + "i" + keyword[3:]
    line = keyword + " " + regex + (" " + to if keyword.endswith("rep") else "")
    if rng.random() < 0.2:
        line += rng.choice([" if { status 200 }", " unless { status 404 } or { status 500 }"] if response else [" if METH_GET", " unless { path_beg /old } or METH_POST", " if { path_beg /foo } or !METH_GET"])
    return line


def pattern_is_good(line):
    words = lex(line)
    try:
        re.compile(words[1])
        re.sub(r"\\x", "", words[1])
    except (re.error, IndexError):
        return False
    groups = re.compile(words[1]).groups
    return "" not in words and all(int(g) <= groups for g in re.findall(r"\\(\d)", words[2] if words[0].endswith("rep") else ""))


def random_sections(rng, release, count):
    """Lines at random that are migrated, and what is not asked of them."""
    lines = []
    while len(lines) < count:
        line = random_line(rng)
        if pattern_is_good(line):
            lines.append(line)
    with tempfile.TemporaryDirectory() as folder:
        run = Run("", folder, [[line] for line in lines])
        run.backend.listener.close()
        done = run.migrate(release)
        numbers = {n: l.strip() for n, l in enumerate(run.text.split("\n"), 1)}
    sections, kinds, left = [], [], 0
    said = {}
    for match in re.finditer(r"old\.cfg:(\d+):\d+: (note|warning|error): (.*)", done.stderr):
        if not match.group(3).endswith("[migrate-any-case]"):
            said[numbers[int(match.group(1))]] = match.groups()
    for line in lines:
        _, severity, text = said.get(line, ("", "error", "not told"))
        kind = "same"
        if severity == "warning":
            kind = next((k for words, k in SAID if words in text), "never")
        if severity == "error":
            left += 1
        elif kind != "never":
            sections.append([line])
            kinds.append([kind])
    return sections, kinds, left


def new_lines(run, number):
    with open(run.new, encoding="latin-1") as f:
        text = f.read()
    return text.split("listen c%d\n" % number)[1].split("listen c")[0]


def one_release(binary, label, rng, number):
    fitting = [(kind, line) for kind, line in CORPUS if kind != "left"]
    sections = [[line] for _, line in fitting]
    kinds = [[kind] for kind, _ in fitting]
    more = int(os.environ.get("LINES") or 60)
    made, made_kinds, left = random_sections(rng, label, more)
    tap.note("%s: of %d lines made at random %d are left" % (label, more, left))
    sections += made
    kinds += made_kinds
    for _ in range(40):
        chosen = [rng.choice([f for f in fitting if f[0] != "alone"]) for _ in range(rng.randint(2, 5))]
        if rng.random() < 0.4:
            chosen.insert(rng.randint(0, len(chosen)), ("same", rng.choice(["reqiallow ^OPTIONS\\ \\*", "reqallow ^GET\\ /old/", "reqiallow ^User-Agent:\\ evil", "reqallow ^X-Token:\\ secret"])))
        # what two of them say of one header or path is no business of the one alone
        sections.append([line for _, line in chosen])
        kinds.append(["several" if k == "several" else k for k, _ in chosen])
    wrong, asked, skipped = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        run = Run(binary, folder, sections)
        run.hits = collections.Counter()
        done = run.migrate(label)
        tap.ok("%s: the lines are migrated" % label, done.returncode == 0, done.stderr[-2000:])
        if done.returncode != 0:
            return
        try:
            tap.ok("%s: HAProxy takes them, without a warning" % label, run.start() and not run.said, run.said)
            if run.process is None:
                return
            for i, lines in enumerate(sections):
                rules = [Rule(l) for l in lines]
                for _ in range(number):
                    was, problem = compare(run, i, rules, kinds[i], rng)
                    asked += was
                    skipped += not was
                    if problem:
                        wrong.append("%s\n%s" % (problem, new_lines(run, i)))
                        break
        finally:
            run.stop()
        single = range(len(fitting))
        idle = [sections[i][0] for i in single if run.hits[i] == 0 and "ssl_fc } " not in sections[i][0]]
    tap.ok("%s: servers and clients see what they saw before" % label, not wrong, "\n".join(wrong[:6]))
    tap.note("%s: %d sections, %d requests, %d not asked; %d wrong; never acted: %s" % (label, len(sections), asked, skipped, len(wrong), idle))


def effects(release):
    """Each line by itself: note, warning or error."""
    wrong, counts = [], collections.Counter()
    for kind, line in CORPUS:
        with tempfile.TemporaryDirectory() as folder:
            run = Run("", folder, [[line]])
            done = run.migrate(release)
            run.backend.listener.close()
        is_now = "left" if "[migrate-left]" in done.stderr else "differs" if "warning:" in done.stderr else "same"
        counts[is_now] += 1
        if is_now != ({"same": "same", "alone": "same", "left": "left"}.get(kind, "differs")):
            wrong.append("%s: %s\n%s" % (line, is_now, done.stderr))
    tap.ok("to %s: what is the same, what differs and what is left is told so" % release, not wrong, "\n".join(wrong))
    tap.ok("to %s: more than nine lines of ten are migrated" % release, counts["left"] * 10 < len(CORPUS), counts)
    tap.note("to %s: %s of %d lines" % (release, ", ".join("%s %d" % c for c in sorted(counts.items())), len(CORPUS)))


def main():
    releases = os.environ.get("HAPROXY_RELEASES", "").split()
    binaries = [r.split("=", 1)[1] for r in releases] or [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]
    number = int(os.environ.get("N") or 8)
    seed = tap.seed("N")
    tap.note("SEED=%d N=%d" % (seed, number))
    effects("3.4")
    for binary in binaries:
        out = subprocess.run([binary, "-v"], stdout=subprocess.PIPE, check=False, universal_newlines=True).stdout
        label = "%s.%s" % re.search(r"version (\d+)\.(\d+)", out).groups()
        one_release(binary, label, random.Random(seed), number)
    tap.finish()


if __name__ == "__main__":
    main()
