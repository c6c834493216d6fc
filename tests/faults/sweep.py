#!/usr/bin/env python3
"""Makes every call of a kind fail, one run each, in a tiny run of every command, and looks at what comes out.

    sweep.py BUILD SHIM [--most N] [--only COMMAND,..] [--markdown] [--workers N]

Right is: exit 0 with the very bytes of an undisturbed run, or exit 4 (3 where a file cannot be read) with one line on standard
error; what was there before stays or is replaced as a whole; no temporary file is left; no crash, no hang. `--most` takes so many
calls of a kind, evenly spread. The last line counts; --markdown prints a table.

The shim loads a program once and forks a run of it for each call that fails (see shim.c)."""
import argparse, json, os, re, select, shutil, signal, struct, subprocess, sys, tempfile, threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

KINDS = ["alloc", "open", "read", "write", "sync", "rename", "mmap"]
MODEL = "tests/fixtures/llama-mha"
TORCH = "tests/fixtures/torch/official"
RECIPE = """output: OUT/t
tokenizer: models/transformer
corpus: [TEXT]
checkpoint_steps: 3
validation_sequences: 1
validation_steps: 2
models:
  a: {model_type: llama, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 512}
optimizer: {lr: 0.001, warmup_steps: 1, clip: 1}
stages:
  - {steps: 3, seq_len: 32, sequences: 1, mix: [{kind: pairs, bytes: [60, 100]}]}
"""
EXPERIMENT = """name: two
output: OUT/e
models: [a=TINY]
options: {seed: 1, threads: 1}
evaluations:
  - {task: needle, samples: 1, lengths: 128, depths: 0, needles: 1/1}
  - {task: choice, samples: 1}
"""
DOCUMENT = '{"document": "Anna sat in the hall.", "question": "Where did Anna sit?", "answer": "in the hall"}\n'
REPLY = json.dumps({"choices": [{"message": {"role": "assistant", "content": "**Conclusion**: True"}}]}).encode()
TASK = "--model a=TINY --threads 1 --quiet --out OUT/r.json"
REPORT = ["r.json"]

# `selftest` ends with 1 when a check fails, for whatever reason.
CODES = {"selftest": (1, 3, 4)}
# Most allocations that are tried of what takes long (`throughput` measures for a while, `selftest` computes twelve models).
MOST = {"throughput": 300, "run": 3000, "selftest": 300, "plan": 300}

# name: (program, arguments, files that it writes, files that are there before). OUT: a folder of the run's own; TINY: a model of
# 16 dimensions and one layer; BASE: a report; TEXT, IDS, ..: small inputs.
COMMANDS = {
    "needle": ("eval", f"needle --samples 1 --lengths 128 --depths 0 --needles 1/1 {TASK}", REPORT, []),
    "perplexity": ("eval", f"perplexity --data TEXT.gz --samples 1 --length 64 {TASK}", REPORT, []),
    "choice": ("eval", f"choice --samples 1 --shots 1 {TASK}", REPORT, []),
    "icl": ("eval", f"icl --samples 1 --shots 2 --length 128 --orders 1 {TASK}", REPORT, []),
    "math": ("eval", f"math --samples 1 --shots 1 --max-new-tokens 4 {TASK}", REPORT, []),
    "hallucination": ("eval", f"hallucination --samples 1 --max-new-tokens 4 {TASK}", REPORT, []),
    "judge": ("eval", f"hallucination --data DOCUMENT --max-new-tokens 4 --judge openai --judge-url URL --judge-retries 0 {TASK}", REPORT, []),
    "outliers": ("eval", f"outliers --data TEXT --tokens 128 --length 32 --groups 2 --bits 16,4 --samples 1 --documents 1 {TASK}", REPORT, []),
    "scaling": ("eval", "scaling --quiet --out OUT/r.json", REPORT, []),
    "throughput": ("eval", f"throughput --work decode --lengths 16 --samples 2 {TASK}", None, []),
    "run": ("eval", "run EXPERIMENT --quiet", ["e/needle.json", "e/choice.json", "e/page.html"], []),
    "list": ("eval", "list", [], []),
    "table": ("eval", "table BASE --all --format json", [], []),
    "compare": ("eval", "compare BASE", [], []),
    "check": ("eval", "check BASE --against BASE --junit OUT/j.xml", ["j.xml"], ["j.xml"]),
    "report": ("eval", "report BASE --out OUT/p.html", ["p.html"], ["p.html"]),
    "rescore": ("eval", "rescore BASE --out OUT/r.json", REPORT, REPORT),
    "show": ("eval", "show BASE --item ITEM --run --threads 1", [], []),
    "inspect": ("eval", "inspect tests/fixtures/gguf/llama.gguf", [], []),
    "logits": ("eval", f"logits --model {MODEL} --ids IDS --out OUT/l.safetensors --threads 1", ["l.safetensors"], ["l.safetensors"]),
    "tokenize": ("eval", "tokenize --model TINY", [], []),
    "generate": ("eval", "generate --model TINY --prompt Once --tokens 4 --threads 1", [], []),
    "attention": ("eval", "attention --model TINY --prompt Once --threads 1 --out OUT/a.html", ["a.html"], ["a.html"]),
    "selftest": ("eval", "selftest --threads 1", None, []),
    "convert": ("convert", f"{TORCH}/config.json {TORCH}/part1.pth {TORCH}/part2.pth OUT/m", ["m/model.safetensors", "m/config.json"], []),
    "to-diff": ("convert", f"--to-diff v2 {MODEL} OUT/m", ["m/model.safetensors", "m/config.json"], []),
    "train": ("train", "RECIPE --threads 1 --quiet", ["t/a/model.safetensors", "t/a/config.json"], []),
    "grads": ("train", f"grads --model {MODEL} --ids IDS --out OUT/g.safetensors --threads 1", ["g.safetensors"], []),
    "gradients": ("train", "gradients RECIPE --batches 3 --threads 1 --out OUT/r.json", REPORT, []),
    "curves": ("train", "curves TINY --out OUT/r.json", REPORT, []),
    "plan": ("train", "plan RECIPE --threads 1", None, []),
    "export": ("train", "export RECIPE OUT/x", [], []),
    "bpe": ("bpe", "270 OUT/b TEXT", ["b/tokenizer.json"], []),
    "make-model": ("make-model", f"{MODEL}/config.json OUT/m", ["m/model.safetensors", "m/config.json"], []),
}


class Judge(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(REPLY)))
        self.end_headers()
        self.wfile.write(REPLY)

    def log_message(self, *_):
        pass


def content(path, folder):
    """Bytes of a file without the name of the run's folder; of a report without what may differ between equal runs."""
    try:
        with open(path, "rb") as f:
            data = f.read().replace(folder.encode(), b"OUT")
    except FileNotFoundError:
        return None
    if path.endswith(".json"):
        try:
            report = json.loads(data)
            report.pop("run", None)
            return json.dumps(report)
        except ValueError:
            return data
    return data


class Inputs:
    """What the commands read, in a folder `base`, and the words that stand for it."""

    def __init__(self, build, base):
        self.words = {"BASE": "base.json", "IDS": "ids.json", "TEXT": "text.txt", "DOCUMENT": "documents.jsonl", "TINY": "t/a"}
        self.words = {word: os.path.join(base, name) for word, name in self.words.items()}
        server = HTTPServer(("127.0.0.1", 0), Judge)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.words["URL"] = f"http://127.0.0.1:{server.server_port}/"
        self.stdin = os.path.join(base, "lines")
        recipe = os.path.join(base, "recipe.yaml")
        with open("data/haystack/persuasion.txt", encoding="utf-8") as f:
            text = f.read(10100)
        for path, data in ((self.words["IDS"], "[1, 2, 3, 4]"), (self.words["TEXT"], text), (self.words["DOCUMENT"], DOCUMENT),
                           (self.stdin, '"Once upon"\n'), (recipe, self.fill(RECIPE).replace("OUT", base))):
            with open(path, "w") as f:
                f.write(data)
        subprocess.run(["gzip", "-kn", self.words["TEXT"]], check=True)
        subprocess.run([f"{build}/difftf-train", recipe, "--quiet"], check=True)
        subprocess.run([f"{build}/difftf-eval", "needle", "--samples", "1", "--lengths", "128", "--depths", "0", "--needles", "1/1",
                        "--quiet", "--model", f"a={self.words['TINY']}", "--model", f"b={self.words['TINY']}", "--out", self.words["BASE"]], check=True)
        with open(self.words["BASE"]) as f:
            self.words["ITEM"] = json.load(f)["items"][0]["id"]

    def fill(self, text):
        for word, value in self.words.items():
            text = text.replace(word, value)
        return text


class Server:
    """One command under the shim, which forks a run of it for each request."""

    def __init__(self, build, shim, inputs, name, work):
        program, arguments, self.outputs, self.before = COMMANDS[name]
        self.name, self.work, self.out = name, work, os.path.join(work, "out")
        self.recipe, self.experiment, self.count = (os.path.join(work, f) for f in ("recipe.yaml", "experiment.yaml", "count"))
        for path, text in ((self.recipe, RECIPE), (self.experiment, EXPERIMENT)):
            with open(path, "w") as f:
                f.write(inputs.fill(text).replace("OUT", self.out))
        for word, value in (("EXPERIMENT", self.experiment), ("RECIPE", self.recipe)):
            arguments = arguments.replace(word, value)
        arguments = inputs.fill(arguments).replace("OUT", self.out)
        theirs, self.requests = os.pipe()
        self.answers, ours = os.pipe()
        self.stdout, self.stderr = (open(os.path.join(work, f), "ab+") for f in ("stdout", "stderr"))
        environment = dict(os.environ, LD_PRELOAD=shim, FAULT_SERVER=f"{theirs},{ours}", FAULT_COUNT=self.count, OPENAI_API_KEY="key",
                           DIFFTF_STARTED="1", GNUTLS_NO_IMPLICIT_INIT="1", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        with open(inputs.stdin) as stdin:
            self.process = subprocess.Popen([f"{build}/difftf-{program}"] + arguments.split(), env=environment, pass_fds=(theirs, ours),
                                            stdin=stdin, stdout=self.stdout, stderr=self.stderr)
        os.close(theirs)
        os.close(ours)

    def close(self):
        os.close(self.requests)
        self.process.wait()
        os.close(self.answers)
        self.stdout.close()
        self.stderr.close()

    def said(self, file):
        file.seek(0)
        data = file.read().replace(self.work.encode(), b"OUT")
        file.truncate(0)
        return re.sub(rb"\nlibgomp: .*\n", b"", data) # which our own line follows

    def run(self, kind, at):
        """(exit code, standard output, standard error, files, temporary files that are left)"""
        shutil.rmtree(self.out, ignore_errors=True)
        os.mkdir(self.out)
        for path in self.before:
            with open(os.path.join(self.out, path), "w") as f:
                f.write("before")
        os.write(self.requests, struct.pack("ii", KINDS.index(kind), at))
        pid = struct.unpack("i", os.read(self.answers, 4))[0]
        hangs = not select.select([self.answers], [], [], 120)[0]
        if hangs:
            os.kill(pid, signal.SIGKILL)
        status = struct.unpack("i", os.read(self.answers, 4))[0]
        code = "a hang" if hangs else os.waitstatus_to_exitcode(status)
        shown, said = self.said(self.stdout), self.said(self.stderr).decode(errors="replace")
        files = {path: content(os.path.join(self.out, path), self.work) for path in self.outputs or []}
        left = [f for _, _, found in os.walk(self.out) for f in found if ".tmp." in f]
        return code, shown, said, files, left

    def undisturbed(self, kind):
        """The run, and how many calls it makes."""
        right = self.run(kind, 0)
        if right[0] != 0:
            sys.exit(f"not ok {self.name} does not run under the shim: {right[2]}")
        missing = [path for path, data in right[3].items() if data is None]
        if missing:
            sys.exit(f"not ok {self.name} does not write {missing[0]}")
        with open(self.count) as f:
            return right, int(f.read())

    def wrong(self, kind, at, right):
        """What is wrong with the run whose call `at` failed; None when nothing is."""
        code, shown, said, files, left = self.run(kind, at)
        if left:
            return f"leaves {left[0]}"
        if code == 0:
            return None if self.outputs is None or (shown, files) == (right[1], right[3]) else "exit 0 with other output"
        if code not in CODES.get(self.name, (3, 4)) or (code == 3 and kind not in ("open", "read", "mmap")):
            return f"ends with {code}: {said[-200:]}"
        if not 1 <= said.count("\n") <= 1 + right[2].count("\n"): # one line, and what an undisturbed run remarks
            return f"says {said!r}"
        for path, data in files.items():
            if data not in (right[3][path], b"before" if path in self.before else None):
                return f"half a {path}"
        return None


def sweep(servers, pool, kind, most):
    """How many calls of a kind there are, which failed, and what was wrong."""
    rights, counts = zip(*[server.undisturbed(kind) for server in servers]) # a digest may be of the name of the folder
    n = counts[0]
    step = max(1, n / most) if most else 1
    calls = sorted({1 + int(i * step) for i in range(int(n / step))})

    def share(w):
        return [(at, what) for at in calls[w::len(servers)] for what in [servers[w].wrong(kind, at, rights[w])] if what]

    return n, calls, sorted(sum(pool.map(share, range(len(servers))), []))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("shim")
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    a = parser.parse_args()
    injected = failures = 0
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=folder) as work, ThreadPoolExecutor(a.workers) as pool:
        inputs = Inputs(a.build, work)
        if a.markdown:
            print("| command | " + " | ".join(KINDS) + " |\n|---|" + "---:|" * len(KINDS))
        for name in a.only.split(",") if a.only else COMMANDS:
            servers = [Server(a.build, os.path.abspath(a.shim), inputs, name, tempfile.mkdtemp(dir=work)) for _ in range(a.workers)]
            row = []
            for kind in KINDS:
                n, calls, found = sweep(servers, pool, kind, min(filter(None, (a.most, MOST.get(name))), default=0))
                injected += len(calls)
                failures += len(found)
                row.append(f"{len(calls)}" + (f" of {n}" if len(calls) < n else "") + (f", **{len(found)} wrong**" if found else ""))
                for at, w in found[:5]:
                    print(f"not ok {name}: {kind} {at} of {n}: {w}", file=sys.stderr if a.markdown else sys.stdout)
                if not a.markdown and not found:
                    print(f"ok {name}: {len(calls)} of {n} failing calls of {kind}")
                sys.stdout.flush()
            for server in servers:
                server.close()
            if a.markdown:
                print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    print(f"\n{injected} faults injected, {failures} of them with a wrong outcome.")


main()
