#!/usr/bin/python3
"""khapd.yaml: what is taken, what is refused and at which place, the ground, --check, --dry-run and --once."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402


def run(*words):
    done = subprocess.run([khapd.program(), *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def keys():
    """Rows of keys.tsv: path, type."""
    with open(os.path.join(tap.srcdir, "cli/khapd/keys.tsv")) as f:
        return [line.split("\t")[:2] for line in f if not line.startswith("#")]


def nested(path, value):
    """The text of a file in which only one key stands."""
    text, depth = "", 0
    names = path.split(".")
    for name in names:
        listed = name.endswith("[]")
        text += "  " * depth + (name[:-2] if listed else name) + ":"
        depth += 1
        if listed:
            text += "\n" + "  " * depth + "-"
            depth += 1
        text += "\n" if name != names[-1] else " " + value + "\n"
    return re.sub(r"-\n +", "- ", text)


def main():
    lib.need_haproxy()
    with lib.Lab() as lab:
        path = lab.dir + "/khapd.yaml"

        def refused(name, text, place, *wanted):
            with open(path, "w") as f:
                f.write(text)
            status, _, err = run("--config", path, "--check")
            tap.ok(name, status == 2 and (path + place) in err and all(w in err for w in wanted), "%d %s" % (status, err))

        needed = "sources: [{files: [%s/none.yaml]}]\nhaproxy: {directory: %s/d}\n" % (lab.dir, lab.dir)
        bad = {"bool": "perhaps", "time": "soon", "int(1-1000)": "0", "address": "somewhere", "path": "[a]", "list(path)": "{a: b}", "text": "[a]", "list(text)": "{a: b}", "object": "[]", "list(object)": "text"}
        for key, kind in keys():
            text = nested(key, bad.get(kind, "nonsense"))
            refused("%s: not %s" % (key, bad.get(kind, "nonsense")), text, ":", "[wrong-type]", key.split(".")[0])
        refused("an unknown key", "haproxy:\n  binry: /x\n", ":2:3:", "[unknown-key]", "`binary`")
        refused("columns are bytes", "haproxy: {binary: /ü, sockt: /x}\n", ":1:24:", "`socket`")
        refused("a key twice", "state: /a\nstate: /b\n", ":2:1:", "[duplicate-key]")
        refused("no value", "state:\n", ":1:", "[missing-value]")
        refused("no YAML", "state: [\n", ":", "[yaml-syntax]")
        refused("what is needed", "state: /a\n", ":", "sources[].files", "haproxy.directory")
        refused("manage needs master", needed.replace("/d}", "/d, manage: true}"), ":", "haproxy.master")
        refused("an empty file", "", ":", "[wrong-type]")
        refused("a list", "- a\n", ":", "[wrong-type]")
        refused("the ground is read as a map", needed + "nodes: {n1: 127.0.0.1}\nservics: {}\n", ":4:1:", "[unknown-key]")
        refused("the ground, further down", needed + "nodes:\n  n1: {adress: 127.0.0.1}\n", ":4:8:", "[unknown-key]")
        status, _, err = run("--config", lab.dir + "/nowhere.yaml")
        tap.ok("no file", status == 2 and "[input-unreadable]" in err, err)
        status, _, err = run("--confg", path)
        tap.ok("an unknown option", status == 2 and "did you mean --config" in err, err)
        tap.ok("--help", run("--help")[0] == 0 and "--dry-run" in run("--help")[1])
        tap.ok("no --config", run()[0] == 2)

        k = khapd.Khapd(lab, "k", files=lab.dir + "/k/map.yaml, " + lab.dir + "/k/services.d")
        os.mkdir(k.dir + "/services.d")
        for name, host in (("b.yaml", "b"), ("a.yml", "a"), (".hidden.yaml", "["), ("text.txt", "[")):
            with open(k.dir + "/services.d/" + name, "w") as f:
                f.write("services: {%s: {nodePort: 32000, hosts: [%s.dir.example]}}\n" % (host, host))
        tap.equal("--check: something would change", run("--config", k.yaml, "--check")[0], 1)
        status, out, err = run("--config", k.yaml, "--dry-run")
        tap.ok("--dry-run: one reload, nothing written", status == 0 and "1 reload" in out and not os.path.exists(k.khap) and not os.path.exists(k.dir + "/state"), out + err)
        status, out, err = run("--config", k.yaml, "--once")
        with open(k.khap + "/current/maps/http-hosts.map") as f:
            made = f.read()
        tap.ok("--once: all sources are merged", status == 0 and all(h in made for h in ("a.example", "a.dir.example", "b.dir.example")), out + err + made)
        tap.equal("--check: nothing would change", run("--config", k.yaml, "--check")[0], 0)
        k.write("a.example", "new.example")
        status, out, err = run("--config", k.yaml, "--dry-run")
        tap.ok("--dry-run: the change and the command", "new.example" in out and "would send: add map" in out and "1 at run time, 0 reloads" in out, out + err)

        # the last good text of a source counts while it is broken; changes of the others are taken
        with open(k.dir + "/services.d/b.yaml", "w") as f:
            f.write("services: [\n")
        with open(k.dir + "/services.d/never.yaml", "w") as f:
            f.write("services: {}\nx: [\n")
        status, out, err = run("--config", k.yaml, "--once")
        with open(k.khap + "/current/maps/http-hosts.map") as f:
            made = f.read()
        tap.ok("a broken source: its last good text, and the others", status == 2 and all(h in made for h in ("new.example", "b.dir.example")), out + err + made)
        tap.ok("a broken source is told", "b.yaml:1" in err and "never.yaml" in err, err)
        for name in os.listdir(k.dir + "/state/sources"):
            tap.equal("what is kept is nobody else's to read", os.stat(k.dir + "/state/sources/" + name).st_mode & 0o777, 0o600)
        files(k)
    tap.finish()


def files(k):
    """What init/ and the guide say fits what khapd knows."""
    base = tap.srcdir
    with open(os.path.join(base, "docs/khapd.md")) as f:
        guide = f.read()
    blocks = re.findall(r"```yaml\n(.*?)```", guide, re.S)
    os.mkdir(k.dir + "/guide")
    with open(k.dir + "/guide/shop.yaml", "w") as f:
        f.write(blocks[1])
    text = blocks[0].replace("/etc/khap/services.d/", k.dir + "/guide").replace("/var/lib/khap", k.dir + "/lib")
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True).stdout.strip()
    text = text.replace("group: khap", "group: " + group).replace("haproxy:\n", "haproxy:\n  binary: %s\n" % k.binary, 1)
    text = re.sub(r"/run/[a-z/.-]*", lambda m: k.dir + "/" + m.group().replace("/", "-"), text)
    text = text.replace(", user: haproxy, group: haproxy", "")
    with open(k.dir + "/guide.yaml", "w") as f:
        f.write(text)
    os.mkdir(k.dir + "/lib")
    status, out, err = run("--config", k.dir + "/guide.yaml", "--once")
    tap.ok("the guide's files are taken", status == 0 and "1 reload" not in err and os.path.exists(k.dir + "/lib/haproxy/current"), out + err)
    with open(os.path.join(base, "init/khapd-alerts.yaml")) as f:
        alerts = f.read()
    with open(os.path.join(base, "cli/khapd/status.c")) as f:
        told = set(re.findall(r'(?:one|metric|seconds)\(t, "([a-z_]+)"', f.read()))
    asked = set(re.findall(r"\bkhapd_([a-z_]+)", alerts))
    tap.ok("rules ask for what is told", asked and asked <= told, str(asked - told))
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "rules", os.path.join(base, "init/khapd-alerts.yaml")], capture_output=True, text=True)
        tap.ok("promtool takes the rules", done.returncode == 0, done.stdout + done.stderr)
    else:
        tap.note("promtool is not there: the rules are not shown to it")


if __name__ == "__main__":
    main()
