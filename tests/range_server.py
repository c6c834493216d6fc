"""Serves a folder on a free port of the loopback with ranges, and writes a line per request: for tests of downloads.
  usage: range_server.py FOLDER PORT-FILE LOG"""
import http.server, os, re, sys

folder, port_file, log = sys.argv[1:4]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = os.path.join(folder, os.path.basename(self.path))
        span = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        with open(log, "a") as f:
            f.write(f"{os.path.basename(self.path)} {span.group(1) if span else 0}\n")
        if not os.path.exists(path):
            self.send_error(404)
            return
        data = open(path, "rb").read()
        start = int(span.group(1)) if span else 0
        if span and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.end_headers()
            return
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
