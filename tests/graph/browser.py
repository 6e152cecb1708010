#!/usr/bin/env python3
"""The page of khapgen graph in a real browser: what is shown, search, choosing, keyboard, dark, and names that would be markup.
KHAP_SHOTS=DIRECTORY keeps pictures of it."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "tests"))
sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "tests", "graph"))
import tap
import chromium

khapgen = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
if not os.access(khapgen, os.X_OK):
    tap.skip_all("needs khapgen, which is not built")
program = chromium.need()
khapgen = os.path.abspath(khapgen)
source = os.path.abspath(tap.srcdir)
shots = os.environ.get("KHAP_SHOTS")
directory = tempfile.TemporaryDirectory()
os.chdir(directory.name)
SERVICES = 300


def draw(name, source):
    done = subprocess.run([khapgen, "graph", "-o", name, source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    if done.returncode != 0:
        tap.ok("khapgen graph " + source, False, done.stdout.decode("utf-8", "replace"))
        tap.finish()
    return os.path.abspath(name)


with open("many.yaml", "w") as f:
    f.write("nodes: {%s}\n" % ", ".join("node%d: 10.0.0.%d" % (i, i) for i in range(1, 6)))
    f.write("services:\n")
    for i in range(SERVICES):
        f.write("  svc-%03d: {nodePort: %d, hosts: [h%03d.example.com], nodes: [node%d]}\n" % (i, 30000 + i, i, i % 5 + 1))

browser = chromium.Browser(program)
try:
    def shot(name):
        if shots:
            browser.screenshot(os.path.join(shots, name + ".png"))

    def rows(column):
        return browser.evaluate("Array.from(document.querySelectorAll('#list%d .row'), function (r) { return r.firstChild.textContent.trim() || r.textContent; })" % column)

    def head(column):
        return browser.evaluate("document.getElementById('head%d').textContent" % column)

    browser.open(draw("many.html", "many.yaml"))
    tap.equal("nothing is complained of", browser.complaints(), [])
    tap.equal("nothing is loaded", browser.evaluate("performance.getEntriesByType('resource').length"), 0)
    tap.ok("all are counted", head(2) in ("Services (%d)" % SERVICES, "Services (%d)" % (SERVICES + 1)), head(2))
    shown = rows(1)
    tap.ok("only what can be seen is there", 10 < len(shown) < 60 and shown[:2] == ["h000.example.com", "h001.example.com"], shown)
    tap.ok("lines lead from host to service", browser.evaluate("document.querySelectorAll('#lines path').length") > 20)
    shot("many")
    browser.key("/", "/")
    browser.type("h123 example")
    tap.equal("/ and a search: what was searched for, and what belongs to it", (rows(1), rows(2), rows(3)), (["h123.example.com"], ["svc-123"], ["node4"]))
    tap.equal("the search stands in the address", browser.evaluate("location.hash"), "#q=h123%20example")
    browser.key("Escape")
    tap.equal("Escape shows all again", len(rows(1)), len(shown))
    browser.evaluate("document.getElementById('list1').focus()")
    for _ in range(3):
        browser.key("ArrowDown")
    browser.key("Enter", "\r")
    tap.equal("arrow keys and Enter: host, service, node", (rows(1), rows(2), rows(3)), (["h003.example.com"], ["svc-003"], ["node4"]))
    tap.equal("what is said of it", browser.evaluate("document.querySelector('aside h3').textContent"), "h003.example.com")
    browser.key("ArrowRight")
    tap.equal("the next column", browser.evaluate("document.activeElement.id"), "list2")
    browser.key("ArrowRight")
    browser.key("Enter", "\r")
    tap.equal("a node: what is served there", (rows(3), len(rows(2)) > 10, rows(2)[:2]), (["node4"], True, ["svc-003", "svc-008"]))
    shot("node")
    browser.key("Escape")
    browser.evaluate("document.getElementById('list2').focus()")
    browser.key("End")
    tap.ok("End: the last row can be seen and is the one", browser.evaluate(
        "(function () { var l = document.getElementById('list2'), r = document.getElementById(l.getAttribute('aria-activedescendant')).getBoundingClientRect(), b = l.getBoundingClientRect();"
        " return r.bottom <= b.bottom + 4 && r.top >= b.top; })()"))
    tap.ok("each list and row has its role and a name", browser.evaluate(
        "Array.from(document.querySelectorAll('.list')).every(function (l) { return l.getAttribute('role') === 'listbox' && document.getElementById(l.getAttribute('aria-labelledby')); }) &&"
        " Array.from(document.querySelectorAll('.row')).every(function (r) { return r.getAttribute('role') === 'option' && r.hasAttribute('aria-selected'); })"))
    box = browser.evaluate("(function () { var r = document.querySelector('#list1 .row').getBoundingClientRect(); return [r.left + 20, r.top + 10]; })()")
    browser.evaluate("document.getElementById('list1').scrollTop = 0")
    browser.settle()
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)
        browser.settle()  # between the two, rows are drawn anew: the list gets the focus
    tap.equal("a click", (len(rows(1)), len(rows(2)), len(rows(3))), (1, 1, 1))

    # contrast, in light and dark
    contrast = """(function () {
      function light(c) { var v = c.match(/[\\d.]+/g).slice(0, 3).map(function (x) { x /= 255; return x <= 0.03928 ? x / 12.92 : Math.pow((x + 0.055) / 1.055, 2.4); });
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; }
      var back = light(getComputedStyle(document.body).backgroundColor);
      return ['.row', '.row small', 'h2', 'aside p', '#count', 'h1'].map(function (s) { var e = document.querySelector(s);
        var a = light(getComputedStyle(e).color); return (Math.max(a, back) + 0.05) / (Math.min(a, back) + 0.05); }).concat(back); })()"""
    for scheme in ("light", "dark"):
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.key("Escape")
        values = browser.evaluate(contrast)
        tap.ok("%s: contrast of all texts at least 4.5" % scheme, min(values[:-1]) >= 4.5 and (values[-1] > 0.5) == (scheme == "light"), values)
    shot("dark")
    browser.call("Emulation.setEmulatedMedia", features=[])

    # names that would be markup
    path = draw("hostile.html", os.path.join(source, "tests", "graph", "hostile.cfg"))
    browser.events.clear()
    browser.open(path)
    tap.equal("hostile: nothing ran, nothing became an element", browser.evaluate("[typeof window.hostile, document.images.length, document.scripts.length, document.querySelectorAll('b, iframe').length]"),
              ["undefined", 0, 2, 0])
    text = browser.evaluate("Array.from(document.querySelectorAll('.row')).map(function (r) { return r.textContent; }).join('\\n')")
    tap.ok("hostile: it is shown as text", "<img src=x onerror=window.hostile=4>" in text and "\\u202e" in text, text)
    for column in range(4):
        for n in range(browser.evaluate("document.querySelectorAll('#list%d .row').length" % column)):
            browser.evaluate("document.querySelectorAll('#list%d .row')[%d].click()" % (column, n))
            tap.ok("hostile: column %d, row %d is chosen" % (column, n), browser.evaluate("!!document.querySelector('aside h3') && location.hash.indexOf('at=') >= 0"))
            browser.settle()
            if n == 0 and column == 2:
                shot("hostile")
            browser.key("Escape")
    browser.evaluate("document.getElementById('all').click()")
    tap.equal("hostile: nor when each is chosen", browser.evaluate("[typeof window.hostile, document.images.length]"), ["undefined", 0])
    browser.evaluate("location.hash = '#q=%3Cimg%20src%3Dx%20onerror%3Dwindow.hostile%3D9%3E&at=2.999999&at=__proto__'")
    browser.settle()
    tap.equal("hostile: nor by the address", browser.evaluate("[typeof window.hostile, document.images.length]"), ["undefined", 0])
    tap.equal("hostile: nothing is complained of", browser.complaints(), [])
finally:
    browser.close()
tap.finish()
