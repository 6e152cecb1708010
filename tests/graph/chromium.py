"""A headless chromium that is spoken to through two pipes: no port, no driver, no network."""
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

import tap


def find():
    for name in ("chromium", "chromium-browser"):
        path = shutil.which(name)
        if path:
            return path
    return None


class Browser:
    def __init__(self, program, width=1400, height=800):
        self.profile = tempfile.TemporaryDirectory(prefix="khap-chromium.", ignore_cleanup_errors=True)
        their_in, self.out = os.pipe()
        self.inp, their_out = os.pipe()

        def fds():  # the numbers that chromium wants; first out of their way
            a, b = os.dup2(their_in, 30), os.dup2(their_out, 31)
            os.dup2(a, 3)
            os.dup2(b, 4)

        environment = dict(os.environ, HOME=self.profile.name, XDG_CONFIG_HOME=self.profile.name, XDG_CACHE_HOME=self.profile.name)
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + self.profile.name,
             "--window-size=%d,%d" % (width, height), "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=fds, start_new_session=True, env=environment)
        os.close(their_in)
        os.close(their_out)
        self.rest = b""
        self.number = 0
        self.events = []
        self.session = None
        target = self.call("Target.getTargets")["targetInfos"]
        page = [t for t in target if t["type"] == "page"][0]["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.call(domain + ".enable")

    def read(self, until):
        while b"\0" not in self.rest:
            ready = select.select([self.inp], [], [], max(0, until - time.monotonic()))[0]
            data = os.read(self.inp, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError("chromium does not answer")
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        until = time.monotonic() + 60
        while True:
            answer = self.read(until)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError("%s: %s" % (method, answer["error"]))
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"])[:500])
        return result["result"].get("value")

    def open(self, path):
        """Milliseconds from the start of loading to the first picture, as the page itself has them."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url="file://" + path)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                ready = self.evaluate("location.protocol === 'file:' && document.documentElement && document.documentElement.dataset.ready || ''")
                if ready:
                    return int(ready)
            except RuntimeError:  # the page before it goes away just now
                if self.process.poll() is not None:
                    raise
            time.sleep(0.02)
        raise RuntimeError("the page is not ready")

    def key(self, name, text=None):
        codes = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "/": 191, "Tab": 9, "End": 35, "Home": 36}
        more = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=codes.get(name, 0), **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=codes.get(name, 0))
        self.settle()

    def type(self, text):
        self.call("Input.insertText", text=text)
        until = time.monotonic() + 30
        while time.monotonic() < until and not self.evaluate("decodeURIComponent(location.hash).indexOf('q=' + document.getElementById('q').value) >= 0"):
            time.sleep(0.02)
        self.settle()

    def settle(self):
        self.evaluate("new Promise(function (r) { requestAnimationFrame(function () { requestAnimationFrame(function () { r(1); }); }); })")

    def screenshot(self, path):
        import base64

        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def complaints(self):
        """Exceptions, and what was written to the console."""
        self.evaluate("1")
        return [e for e in self.events if e["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening")]

    def close(self):
        # its own group of processes, which was started here
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.inp)
        os.close(self.out)
        self.profile.cleanup()


def need():
    program = find()
    if not program:
        tap.skip_all("needs chromium (Debian: package chromium)")
    return program
