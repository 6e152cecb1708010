#!/usr/bin/python3
"""khapgen apply through a runtime socket that goes wrong: between it and HAProxy stands one that closes at any byte of the replies, changes a byte, drops or doubles
some. Whatever that does, the end is one reload or none, and HAProxy has what a fresh start with the new map has.

N= how many tries (5 without it), SEED= which; HAPROXY_RELEASES="2.6=PATH ..." which HAProxies take turns, but 2.2, which cannot start itself anew outside of its package.
"""
import os
import random
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib  # noqa: E402
import pairs  # noqa: E402
import tap  # noqa: E402

N = int(os.environ.get("N") or 5)


class Between(lib.FalseSocket):
    """A socket that hands on to another one, until `at` bytes of replies went through: then it does what `how` says."""

    def __init__(self, path, to, at, how):
        self.to, self.left, self.how, self.done = to, at, how, False
        super().__init__(path)

    def spoil(self, data):
        """What becomes of a piece of a reply; None: the connection ends."""
        if self.done or len(data) <= self.left:
            self.left -= len(data)
            return data
        at, self.done = self.left, True
        if self.how == "close":
            return None
        return data[:at] + {"change": bytes([data[at] ^ 1]) + data[at + 1:], "drop": data[at + 3:], "double": data[at:at + 5] + data[at:]}[self.how]

    def one(self, client):
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.to)
            threading.Thread(target=self.hand_on, args=(client, server), daemon=True).start()
            while True:
                data = server.recv(65536)
                data = self.spoil(data) if data else None
                if data is None:
                    break
                client.sendall(data)
        except OSError:
            pass
        for s in (client, server):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def hand_on(self, client, server):
        try:
            while True:
                data = client.recv(65536)
                if not data:
                    server.shutdown(socket.SHUT_WR)
                    return
                server.sendall(data)
        except OSError:
            pass


class Master(pairs.Running):
    """A HAProxy in master-worker mode."""

    def __init__(self, binary, directory, sock, http, https):
        self.master = sock + ".master"
        super().__init__(binary, directory, sock, http, https)

    def words(self, binary, directory):
        return [binary, "-W", "-S", self.master, "-C", directory, "-f", "haproxy.cfg"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Walk(pairs.Walk):
    running = Master

    def words(self):
        return ["--socket", self.dir + "/between", "--master", self.sock + ".master"]

    def step(self):
        kinds = [self.maps.change() for _ in range(self.rng.choice([1, 2, 3, 4]))]
        how, at = self.rng.choice(["close", "change", "drop", "double"]), int(2 ** self.rng.uniform(0, 13))
        kinds.append("%s at byte %d" % (how, at))
        between = Between(self.dir + "/between", self.sock, at, how)
        try:
            status = self.apply()
        finally:
            between.stop()
        self.seen["%s%s" % (how, ", a fallback" if "[apply-fallback]" in self.said else "" if between.done else ", too late")] += 1
        self.seen["at run time"] += 1
        if status != 0 or os.path.exists(self.khap + "/pending"):
            self.say(kinds, "apply: %d" % status)
        self.compare(kinds)
        if self.wrong:
            self.begin()


def main():
    lib.need_haproxy()
    releases = lib.releases()
    pairs.walk_all([r for r in releases if r[0] != "2.2"], Walk, N, "HAProxy %s: whatever became of the replies, after %d applies it was what a fresh start is")


if __name__ == "__main__":
    main()
