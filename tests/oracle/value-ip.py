#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""IP addresses and networks against Python's ipaddress; overlapping binds against the kernel."""
import ipaddress
import os
import random
import re
import socket
import subprocess
import sys

import tap

DRIVER = os.path.join(tap.builddir, "tests", "unit", "value_driver")
COUNT = int(os.environ.get("N", "20000"))


def ask(lines):
    done = subprocess.run([DRIVER], input="".join(line + "\n" for line in lines), stdout=subprocess.PIPE, check=True, universal_newlines=True)
    answers = done.stdout.split("\n")[:-1]
    assert len(answers) == len(lines), (len(answers), len(lines))
    return answers


def random_v4(r):
    return ".".join(str(r.choice((0, 1, 9, 10, 127, 192, 255, 256, r.randrange(300)))) for _ in range(r.choice((4, 4, 4, 4, 3, 5))))


def random_v6(r):
    groups = ["%x" % r.choice((0, 0, 0, 1, 0xffff, r.randrange(65536), 0x10000 if r.random() < .02 else 5)) for _ in range(8)]
    if r.random() < .3:
        groups = groups[:r.randrange(9)]
    if r.random() < .3:
        groups = [g.zfill(4) if r.random() < .5 else g.upper() for g in groups]
    if groups and r.random() < .2:
        groups[-1:] = [random_v4(r)]
        if r.random() < .7:
            del groups[:1]
    text = ":".join(groups)
    if r.random() < .6:
        # one run of groups becomes "::"
        at = r.randrange(len(groups) + 1)
        to = min(len(groups), at + r.randrange(8))
        text = ":".join(groups[:at]) + "::" + ":".join(groups[to:])
    return text


def damaged(r, text):
    while r.random() < .3:
        at = r.randrange(len(text) + 1)
        what = r.random()
        if what < .4:
            text = text[:at] + r.choice("0:.1fg/%[]x-") + text[at:]
        elif what < .8:
            text = text[:at] + text[at + 1:]
        else:
            text = text[:at] + text[at:at + 3] + text[at:]
    return text


def oracle_ip(text):
    if "%" in text or "/" in text:  # zones, and what ipaddress takes for networks
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def check_ips(r):
    texts = [damaged(r, random_v4(r) if r.random() < .4 else random_v6(r)) for _ in range(COUNT)]
    counts = {4: 0, 6: 0, None: 0}
    for text, answer in zip(texts, ask(["ip " + t for t in texts])):
        ip = oracle_ip(text)
        counts[ip and ip.version] += 1
        if ip is None:
            wanted = "no"
        else:
            printed = ip.compressed
            if ip.version == 6 and ip.ipv4_mapped is not None:
                printed = "::ffff:" + str(ip.ipv4_mapped)
            wanted = "%d %s %s" % (ip.version, ip.packed.hex(), printed)
        if answer != wanted:
            tap.ok("addresses as ipaddress reads and prints them", False, "%r: got %r, wanted %r" % (text, answer, wanted))
            return
    tap.note("IPv4 %d, IPv6 %d, none %d" % (counts[4], counts[6], counts[None]))
    tap.ok("addresses as ipaddress reads and prints them", min(counts.values()) > COUNT / 20)


def oracle_network(text):
    if "%" in text or not re.fullmatch(r"[^/]*(/(0|[1-9][0-9]*))?", text):
        return "syntax"
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "syntax"
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return "range"
    if loose.version == 6 and loose.network_address.ipv4_mapped is not None:
        return "::ffff:%s/%d" % (loose.network_address.ipv4_mapped, loose.prefixlen)
    return str(loose)


def check_networks(r):
    texts = []
    for _ in range(COUNT):
        text = random_v4(r) if r.random() < .5 else random_v6(r)
        ip = oracle_ip(text)
        bits = r.randrange(36) if r.random() < .5 else r.randrange(132)
        if ip is not None and r.random() < .6 and bits <= ip.max_prefixlen:
            text = str(ipaddress.ip_network((ip, bits), strict=False))
        elif r.random() < .8:
            text += "/%d" % bits
        texts.append(damaged(r, text) if r.random() < .3 else text)
    counts = {}
    for text, answer in zip(texts, ask(["network " + t for t in texts])):
        wanted = oracle_network(text)
        counts[wanted if wanted in ("syntax", "range") else "ok"] = counts.get(wanted if wanted in ("syntax", "range") else "ok", 0) + 1
        if answer != wanted:
            tap.ok("networks as ipaddress reads and prints them", False, "%r: got %r, wanted %r" % (text, answer, wanted))
            return
    tap.note(counts)
    tap.ok("networks as ipaddress reads and prints them", len(counts) == 3 and min(counts.values()) > COUNT / 50)


def listener(text, kind):
    host, port = text.rsplit(":", 1)
    host = host.strip("[]")
    v6 = ":" in host
    s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, kind)
    try:
        if v6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host.startswith("::ffff:") else 1)
        s.bind((host, int(port)))
        if kind == socket.SOCK_STREAM:
            s.listen(1)
        return s
    except OSError:
        s.close()
        return None


def check_overlaps():
    """Each pair is bound, for real: one after the other, without SO_REUSEADDR."""
    hosts = ["0.0.0.0", "127.0.0.1", "127.0.0.2", "[::]", "[::1]", "[::ffff:127.0.0.1]"]
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    can = [h for h in hosts for s in [listener("%s:%d" % (h, port), socket.SOCK_STREAM)] if s is not None and s.close() is None]
    if len(can) < 3:
        tap.skip("binds against the kernel: needs a loopback interface")
        return
    pairs, wanted = [], []
    for kind, prefix in ((socket.SOCK_STREAM, ""), (socket.SOCK_DGRAM, "udp@")):
        for a in can:
            for b in can:
                for other in (port, port + 1):
                    first = listener("%s:%d" % (a, port), kind)
                    second = listener("%s:%d" % (b, other), kind)
                    alone = other == port or second is not None
                    if first is not None and not alone:  # or does somebody else have that port?
                        first.close()
                        third = listener("%s:%d" % (b, other), kind)
                        alone = third is not None
                        if third is not None:
                            third.close()
                        first = listener("%s:%d" % (a, port), kind)
                    if first is not None and alone:
                        pairs.append("%s%s:%d %s%s:%d" % (prefix, a, port, prefix, b, other))
                        wanted.append("no" if second is not None else "yes")
                    for s in (first, second):
                        if s is not None:
                            s.close()
    wrong = [(p, got, w) for p, got, w in zip(pairs, ask(["overlap " + p for p in pairs]), wanted) if got != w]
    tap.note("%d pairs, %d of them overlap; of %s" % (len(pairs), wanted.count("yes"), " ".join(can)))
    tap.ok("binds overlap where the kernel refuses the second", not wrong and 0 < wanted.count("yes") < len(pairs), wrong)


seed = tap.seed("N")
tap.note("seed %d, Python %s" % (seed, sys.version.split()[0]))
r = random.Random(seed)
check_ips(r)
check_networks(r)
check_overlaps()
tap.finish()
