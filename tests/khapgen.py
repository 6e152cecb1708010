"""Where khapgen is, for tests that start it thousands of times: past libtool's wrapper, which is a shell script."""
import os

import tap


def program():
    """The path of khapgen, with the environment set so that it finds its libraries; skips the whole test when it is not built."""
    path = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
    if not os.access(path, os.X_OK):
        tap.skip_all("needs khapgen, which is not built")
    with open(path, "rb") as f:
        wrapper = f.read(2) == b"#!"
    libs = os.path.join(os.path.dirname(os.path.abspath(path)), ".libs")
    direct = os.path.join(libs, "khapgen")
    if wrapper and os.access(direct, os.X_OK):
        os.environ["LD_LIBRARY_PATH"] = libs + (":" + os.environ["LD_LIBRARY_PATH"] if os.environ.get("LD_LIBRARY_PATH") else "")
        return direct
    return path
