#!/usr/bin/python3
"""Every row of keys.tsv that has an example changes what is generated: given with --set, the output differs from the output without it.

A row that needs company has it in CONTEXT below: a piece of map that stands in both runs. SPDX-License-Identifier: MIT
"""
import os
import subprocess
import sys
import tempfile

SRC = os.environ.get("srcdir", ".")
KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(os.environ.get("builddir", "."), "khapgen")

# A map on which most keys act.
BASE = {
    "nodes": {"node1": {"address": "10.0.0.1", "labels": {"zone": "a"}}, "node2": {"address": "10.0.0.2"}, "node3": {"address": "10.0.0.3"}},
    "certs": [{"directory": "/certs"}],
    "services": {"web": {"nodePort": 30001, "hosts": ["web.example"]}, "other": {"nodePort": 30002, "hosts": ["other.example"]}},
}

SERVER = {"name": "old0", "address": "10.9.9.1", "port": 81}

# path prefix -> (what is merged into the map, options); the longest prefix counts
CONTEXT = {
    "process.socket": ({"process": {"socket": {"path": "/run/s"}}}, []),
    "process.socket.path": ({}, []),
    "certs[].directory": ({"certs": []}, []),
    "certs[].file": ({"certs": []}, []),
    "certs[].crtList": ({"certs": []}, []),
    "certs[].key": ({"certs": [{"file": "/a.pem"}]}, ["--target", "3.2"]),
    "certs[].hosts": ({"certs": [{"file": "/a.pem"}]}, ["--output-dir"]),
    "certs[].clientCa": ({"certs": [{"file": "/a.pem", "hosts": ["web.example"]}]}, ["--output-dir"]),
    "certs[].verify": ({"certs": [{"file": "/a.pem", "hosts": ["web.example"], "clientCa": "/ca.pem"}]}, ["--output-dir"]),
    "certs[].crl": ({"certs": [{"file": "/a.pem", "hosts": ["web.example"], "clientCa": "/ca.pem"}]}, ["--output-dir"]),
    "certs[].placeholder": ({"certs": []}, ["--output-dir"]),
    **{"certs[]." + key: ({"certs": [{"file": "/a.pem"}]}, ["--output-dir"]) for key in ("alpn", "minVersion", "maxVersion", "ciphers", "ciphersuites")},
    "certs[].curves": ({"certs": [{"file": "/a.pem"}]}, ["--output-dir", "--target", "3.2"]),
    "certs[].ocsp": ({"certs": [{"file": "/a.pem"}]}, ["--target", "3.0"]),
    "certs[].ocspUpdate": ({"certs": [{"file": "/a.pem"}]}, ["--target", "3.0"]),
    "frontends.*.http3": ({"frontends": {"own": {"bind": ":8443", "tls": True}}}, ["--target", "2.8"]),
    "frontends.*.alpn": ({"frontends": {"own": {"bind": ":8443", "tls": True}}}, []),
    "frontends.*.strictSni": ({"frontends": {"own": {"bind": ":8443", "tls": True}}}, []),
    "frontends.*": ({"frontends": {"own": {"bind": ":8443"}}}, []),
    "log.headers": ({"log": "stdout"}, []),
    "stats": ({"stats": {"bind": "127.0.0.1:9000"}}, []),
    "nodes.*.labels.*": ({"nodes": {"node1": {"labels": {"zone": "b"}}}, "services": {"web": {"nodes": {"selector": {"zone": "a"}}}}}, []),
    "services.*.bind": ({"services": {"web": {"hosts": None, "mode": "tcp", "bind": ":7000"}}}, []),
    "services.*.routes": ({"services": {"web": {"routes": [{"host": "route.example", "path": "/p"}]}}}, []),
    "services.*.routes[].host": ({}, []),
    "services.*.routes[].wildcard": ({"services": {"web": {"routes": [{"host": "*.route.example"}]}}}, []),
    "services.*.routes[].timeouts": ({"services": {"web": {"routes": [{"host": "route.example"}]}}}, ["--target", "3.4"]),
    "services.*.routes[].backend": ({"services": {"web": {"routes": [{"host": "route.example"}]}}, "sections": "backend shop\n    server s1 10.1.1.1:80\n"}, []),
    "services.*.wildcard": ({"services": {"web": {"hosts": ["*.web.example"]}}}, []),
    "services.*.hsts": ({"services": {"web": {"hsts": {"maxAge": "1d"}}}}, []),
    "services.*.backendTls": ({"services": {"web": {"backendProtocol": "https", "backendTls": {"verify": "required", "ca": "/x.pem"}}}}, []),
    "services.*.cookie": ({"services": {"web": {"cookie": {"name": "C"}}}}, []),
    "services.*.cookie.name": ({}, []),
    "services.*.cookie.keyFile": ({"services": {"web": {"cookie": {"name": "C", "dynamic": True, "keyFile": "KEYFILE"}}}}, []),
    "services.*.check.host": ({"services": {"web": {"check": {"path": "/c"}}}}, []),
    "services.*.check.method": ({"services": {"web": {"check": {"path": "/c"}}}}, []),
    "services.*.check.expect": ({"services": {"web": {"check": {"path": "/c"}}}}, []),
    "services.*.check.node": ({"nodeCheck": {"port": 10250}}, []),
    "nodeCheck": ({"nodeCheck": {"port": 10250}, "services": {"web": {"check": {"node": True}}}}, []),
    "services.*.check.user": ({"services": {"web": {"check": {"type": "mysql", "user": "other"}}}}, []),
    "services.*.agentCheck": ({"services": {"web": {"agentCheck": {"port": 7}}}}, []),
    "services.*.hash.cookie": ({}, ["--target", "2.6"]),
    "services.*.servers[]": ({"services": {"web": {"servers": [SERVER]}}}, []),
    "services.*.nodes.selector": ({}, []),
    "services.*.redirect": ({"services": {"web": {"nodePort": None, "redirect": {"scheme": "http"}}}}, []),
    "services.*.routes[].split": ({"services": {"web-green": {"nodePort": 30003}, "web": {"routes": [{"path": "/p", "split": [{"service": "other"}, {"service": "web"}]}]}}}, []),
    "services.*.split": ({"services": {"web-green": {"nodePort": 30003}, "web": {"nodePort": None, "split": [{"service": "other"}, {"service": "web-green"}]}}}, []),
    "services.*.split[].service": ({"services": {"web-green": {"nodePort": 30003}, "web": {"nodePort": None, "split": [{"service": "other"}]}}}, []),
    "services.*.canary": ({"services": {"third": {"nodePort": 30003, "hosts": ["third.example"]}, "web": {"canary": {"of": "other"}}}}, []),
    "services.*.respond": ({"services": {"web": {"nodePort": None, "respond": {"body": "x"}}}}, []),
    "services.*.basicAuth": ({"services": {"web": {"basicAuth": {"users": {"joe": "$1$abcdefgh$b4gX0Pcn1NnWcMqsCgpQB/"}}}}}, []),
    "services.*.basicAuth.users": ({}, []),
    "services.*.basicAuth.file": ({}, []),
    "services.*.jwt": ({"services": {"web": {"jwt": {"algorithm": "ES256", "key": "/k.pem"}}}}, ["--target", "2.6"]),
    "services.*.clientCert": ({"services": {"web": {"clientCert": {"verify": "X-V"}}}}, []),
    "services.*.cors": ({"services": {"web": {"cors": {"origins": ["https://o.example"]}}}}, []),
    "services.*.compression": ({}, []),
    "services.*.maintenance": ({"services": {"web": {"maintenance": {"enabled": True}}}}, []),
    "services.*.rateLimit": ({"services": {"web": {"rateLimit": {"requests": 5}}}}, []),
    "services.*.backend": ({"services": {"web": {"nodePort": None, "servers": [SERVER]}}, "sections": "backend shop\n    server s1 10.1.1.1:80\n"}, []),
}
# path -> (what is set, to which value), where the example alone cannot act
INSTEAD = {
    "haproxy": ("haproxy", "1.8"),
    "haproxy.release": ("haproxy.release", "1.8"),
    "certs[].directory": ("certs", "[{directory: /other}]"),
    "certs[].file": ("certs", "[{file: /file.pem}]"),
    "certs[].crtList": ("certs", "[{crtList: /list}]"),
    "certs[].placeholder": ("certs", "[{placeholder: true}]"),
    "services.*.mode": ("services.web", "{nodePort: 30001, mode: tcp, bind: ':7000'}"),
    "services.*.tls": ("services.web", "{nodePort: 30001, mode: tcp, tls: passthrough, hosts: [web.example]}"),
    "services.*.backend": ("services.web", "{hosts: [web.example], backend: shop}"),
    "services.*.canary.of": ("services.web.canary.of", "third"),
    "services.*.basicAuth.file": ("services.web.basicAuth.file", "USERFILE"),
    "services.*.servers[].name": ("services.web.servers.0.name", "renamed"),
    "services.*.cookie.dynamic": ("services.web.cookie", "{name: C, dynamic: true, keyFile: KEYFILE}"),
    "services.*.cookie.keyFile": ("services.web.cookie.keyFile", "KEYFILE2"),
}
NAMES = {"claims": "X-Tier", "users": "joe", "errorPages": "503", "nodes": "node1", "labels": "zone", "frontends": "own", "services": "web", "set": "X-Tier", "add": "X-Tier", "selector": "zone", "headers": "X-Tier", "query": "q"}


def merge(into, more):
    for key, value in more.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        elif isinstance(value, dict):
            into[key] = {}
            merge(into[key], value)
        else:
            into[key] = value
    return into


def concrete(path):
    """keys.tsv's path with names and numbers in place."""
    parts = path.replace("[]", ".0").split(".")
    return ".".join(NAMES[parts[i - 1]] if part == "*" else part for i, part in enumerate(parts))


def generate(work, text, options):
    with open(f"{work}/map.yaml", "w") as f:
        f.write(text)
    target = f"{work}/out"
    command = [KHAPGEN, *[o for o in options if o != "--output-dir"]]
    if "--output-dir" in options:
        command += ["--force", "--output-dir", target]
    done = subprocess.run([*command, f"{work}/map.yaml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output = done.stdout
    if "--output-dir" in options and done.returncode == 0:
        for folder, _, files in sorted(os.walk(target)):
            for name in sorted(files):
                if name != "khap.sums":
                    with open(os.path.join(folder, name)) as f:
                        output += f.read().split("\n", 1)[1] if name == "haproxy.cfg" else f.read()
    else:
        output = output.split("\n", 1)[-1]
    return done.returncode, output, done.stderr


def main():
    import json

    rows = [line.rstrip("\n").split("\t") for line in open(f"{SRC}/lib/model/keys.tsv") if not line.startswith("#")]
    results = []
    with tempfile.TemporaryDirectory(prefix="khap-keys.") as work:
        with open(f"{work}/users", "w") as f:
            f.write("joe:$1$abcdefgh$b4gX0Pcn1NnWcMqsCgpQB/\n")
        for name in ("KEYFILE", "KEYFILE2"):
            with open(f"{work}/{name}", "w") as f:
                f.write(f"secret-{name}\n")
        for path, _, _, _, _, _, example, _ in rows:
            if example == "-":
                continue
            prefix = max((p for p in CONTEXT if path == p or path.startswith(p + ".") or path.startswith(p + "[]")), key=len, default=None)
            company, options = CONTEXT.get(prefix, ({}, []))
            tree = merge(json.loads(json.dumps(BASE)), json.loads(json.dumps(company)))
            text = json.dumps(tree).replace("KEYFILE", f"{work}/KEYFILE")
            key, value = INSTEAD.get(path, (concrete(path), example))
            base = generate(work, text, options)
            given = generate(work, text, [*options, "--set", f"{key}={value.replace('KEYFILE', f'{work}/KEYFILE').replace('USERFILE', f'{work}/users')}"])
            good = base[0] == 0 and given[0] == 0 and base[1] != given[1]
            results.append((good, path, base[2] + given[2] if not good else ""))
    print(f"1..{len(results)}")
    for number, (good, path, why) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {path}")
        for line in why.splitlines():
            print(f"# {line}")
    return 0 if all(r[0] for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
