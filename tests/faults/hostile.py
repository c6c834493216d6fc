"""Hostile clients against `difftf-eval serve`: cut, slow, huge and malformed requests, wrong keys, clients that vanish. The server
has to refuse each in the protocol's form, to give up what nobody waits for, and to answer afterwards as it did before.
  usage: hostile.py BUILD [--requests N]"""
import argparse
import http.client
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

KEY = "a-key-that-is-right"


class Server:
    def __init__(self, build, *options):
        self.keys = tempfile.NamedTemporaryFile("w", suffix=".key")
        self.keys.write("another\n" + KEY + "\n")
        self.keys.flush()
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([f"{build}/difftf-eval", "serve", "--port", "0", "--api-key-file", self.keys.name, *options],
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"http://([\d.]+):(\d+)", line)
        if not match:
            self.log.seek(0)
            sys.exit(f"the server does not start: {line}{self.log.read()}")
        self.host, self.port = match.group(1), int(match.group(2))

    def request(self, method, path, body=None, key=KEY, timeout=120):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        if isinstance(body, dict):
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, text

    def raw(self, data, read=True, reset=False, pause=0.0, step=0, linger=10):
        """Sends bytes as they are, `step` at a time; the status of the answer, or 0."""
        with socket.create_connection((self.host, self.port), timeout=linger) as s:
            try:
                for i in range(0, len(data), step or len(data) or 1):
                    s.sendall(data[i:i + (step or len(data))])
                    if step:
                        time.sleep(pause)
                if reset:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if not read:
                    time.sleep(pause)
                    return 0
                match = re.match(rb"HTTP/1\.1 (\d+)", s.recv(4096))
                return int(match.group(1)) if match else 0
            except OSError:
                return 0

    def number(self, name):
        return float(re.search(rf"^difftf_{name} (\S+)$", self.request("GET", "/metrics")[1].decode(), re.M).group(1))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self.log.seek(0)
        return code, self.log.read()


def post(body, path="/v1/completions", key=KEY, length=None, more=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{more}"
            f"Content-Length: {len(body) if length is None else length}\r\n\r\n").encode() + body


GOOD = {"model": "transformer", "prompt": "The river", "max_tokens": 4, "temperature": 0}
LONG = {"model": "diff-transformer", "prompt": "The river", "max_tokens": 4000, "temperature": 1, "stop": ["\u2603"]}
BAD_BODIES = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"prompt": "\xc3"}', b'{"prompt": "a\\u0000b"}', b'{"prompt": "a"} trailing', b"{\x00}",
    b"[" * 5000, b'{"a":' * 2000, {}, {"prompt": 7}, {"prompt": {}}, {"prompt": [[1, "a"]]}, {"prompt": ["a", 1]}, {"prompt": [1.5]},
    {"prompt": [-1]}, {"prompt": [10 ** 9]}, {"prompt": [1e300]}, {"prompt": "a", "max_tokens": -1}, {"prompt": "a", "max_tokens": 1e18},
    {"prompt": "a", "max_tokens": "many"}, {"prompt": "a", "max_tokens": 10 ** 6}, {"prompt": "a", "n": 0}, {"prompt": "a", "n": 1000},
    {"prompt": ["a"] * 300}, {"prompt": "a", "temperature": -1}, {"prompt": "a", "temperature": "hot"}, {"prompt": "a", "top_p": 2},
    {"prompt": "a", "logprobs": 21}, {"prompt": "a", "logprobs": -1}, {"prompt": "a", "logprobs": "all"}, {"prompt": "a", "stop": 7},
    {"prompt": "a", "stop": ["a"] * 17}, {"prompt": "a", "stream": "yes"}, {"prompt": "a", "seed": 0.5}, {"prompt": "a", "echo": 1},
    {"prompt": "a", "presence_penalty": 1}, {"prompt": "a", "logit_bias": {"1": 5}}, {"prompt": "a", "best_of": 4},
    {"prompt": "a", "model": 7}, {"prompt": "a", "probe": 7}, {"prompt": "a", "probe": {"secret": True}},
    {"prompt": "a", "probe": {"attention": {"rows": [[0, 10 ** 9]], "spans": [[0, 1]]}}},
    {"prompt": "a", "probe": {"attention": {"rows": "last", "spans": [[5, 1]]}}}, {"prompt": "a", "probe": {"lookback": {"context": 0}}},
    {"prompt": "word " * 6000},
]


def kinds(server):
    """Name, the statuses that are right (0: none, the connection just ends), what is done."""
    whole = post(GOOD)
    return [
        ("cut head", {0, 400}, lambda r: server.raw(whole[:r.randrange(1, 60)], read=False)),
        ("cut body", {0}, lambda r: server.raw(whole[:r.randrange(len(whole) - 40, len(whole) - 1)], read=False)),
        ("reset while it waits", {0}, lambda r: server.raw(post(LONG), read=False, reset=True, pause=r.random() / 5)),
        ("gone while it waits", {0}, lambda r: server.raw(post(LONG), read=False, pause=r.random() / 5)),
        ("gone within a stream", {0}, lambda r: server.raw(post({**LONG, "stream": True}), read=False, pause=r.random() / 5)),
        ("reset within a stream", {0}, lambda r: server.raw(post({**LONG, "stream": True}), read=False, reset=True, pause=0.05)),
        ("slow", {200}, lambda r: server.raw(whole, step=40, pause=0.02)),
        ("slow and cut", {0}, lambda r: server.raw(whole[:-20], read=False, step=50, pause=0.03)),
        ("length too large", {413}, lambda r: server.raw(post(b"{}", length=10 ** r.randrange(9, 30)))),
        ("length no number", {0, 400, 413}, lambda r: server.raw(post(b"{}", length=r.choice(["-5", "x", "0x10", "1 2"])))),
        ("body too large", {413, 0}, lambda r: server.raw(
            b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + KEY.encode() +
            b"\r\nTransfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n" + b"20000\r\n" + b"x" * 0x20000 +
            b"\r\n0\r\n\r\n")),
        ("head too large", {0, 400, 413, 414, 431}, lambda r: server.raw(b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n")),
        ("path too long", {0, 400, 401, 404, 414, 431}, lambda r: server.raw(b"GET /" + b"a" * 50000 + b" HTTP/1.1\r\n\r\n")),
        ("malformed", {400}, lambda r: server.raw(post(r.choice(BAD_BODIES)))),
        ("no HTTP", {0, 400}, lambda r: server.raw(bytes(r.randrange(256) for _ in range(300)) + b"\r\n\r\n")),
        ("wrong key", {401}, lambda r: server.raw(post(GOOD, key=r.choice(["", "wrong", KEY + "x", KEY[:-1], "\x01" * 9])))),
        ("no key", {401}, lambda r: server.raw(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")),
        ("no such place", {404}, lambda r: server.raw(post(GOOD, path=r.choice(["/", "/v2", "/../etc/passwd", "/v1/%2e%2e"])))),
        ("no such method", {405}, lambda r: server.raw(post(GOOD, path="/health"))),
        ("no such model", {404}, lambda r: server.raw(post({**GOOD, "model": "nobody"}))),
        ("right", {200}, lambda r: server.raw(whole)),
    ]


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--requests", type=int, default=1000)
    a = p.parse_args()
    server = Server(a.build, "--max-body", "131072", "--max-queue", "64", "--slots", "8", "--threads", "2")
    pid = server.process.pid
    probe = {**GOOD, "prompt": ["The river", "A man of"], "echo": True, "logprobs": 5}
    before = json.loads(server.request("POST", "/v1/completions", probe)[1])["choices"]
    all_kinds, wrong, lock, turn = kinds(server), [], threading.Lock(), iter(range(a.requests))

    def attack(seed):
        r = random.Random(seed)
        while True:
            with lock:
                i = next(turn, None)
            if i is None:
                return
            name, right, act = all_kinds[i % len(all_kinds)]
            got = act(r)
            if got not in right | {429}:
                wrong.append(f"{name}: {got}, expected one of {sorted(right)}")

    for kind in all_kinds:  # once each before memory is looked at
        kind[2](random.Random(0))
    held, files = memory(pid), len(os.listdir(f"/proc/{pid}/fd"))
    threads = [threading.Thread(target=attack, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    until = time.time() + 20
    while server.number("requests_in_hand") > 0 and time.time() < until:
        time.sleep(0.05)
    if server.number("requests_in_hand") > 0:
        wrong.append("requests are still in hand though nobody waits")
    after = json.loads(server.request("POST", "/v1/completions", probe)[1])["choices"]
    if after != before:
        wrong.append("the same request has another answer than before")
    until = time.time() + 10
    while (left := len(os.listdir(f"/proc/{pid}/fd"))) > files + 4 and time.time() < until:
        time.sleep(0.1)
    grown = memory(pid) - held
    if left > files + 4:
        wrong.append(f"{left} descriptors, {files} before")
    abandoned = server.number("abandoned_total")
    code, log = server.stop()
    if code != 0 or log:
        wrong.append(f"the server ended with {code}: {log[-3000:]}")
    for line in sorted(set(wrong)):
        print(f"not ok {line}")
    print(f"{'not ok' if wrong else 'ok'} {a.requests} hostile requests of {len(all_kinds)} kinds; {abandoned:.0f} given up, memory "
          f"grew by {grown} kB")


if __name__ == "__main__":
    main()
