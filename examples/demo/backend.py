#!/usr/bin/python3
"""One node of the demonstration: answers on a port for each service, as a Kubernetes node does.

usage: backend.py NODE ADDRESS SERVICE=PORT...
Prints "ready" when all ports are open. An answer names the service and the node: "kube-ui node2".
"""
import http.server
import sys
import threading


def handler(service, node):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = ("%s %s\n" % (service, node)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    return Handler


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """HAProxy's checks connect and reset; that is no error."""


def main():
    node, address = sys.argv[1:3]
    servers = []
    for pair in sys.argv[3:]:
        service, port = pair.rsplit("=", 1)
        servers.append(Server((address, int(port)), handler(service, node)))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
