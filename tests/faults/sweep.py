#!/usr/bin/env python3
"""Makes every call of a kind fail, one run each, in a tiny run of every command, and looks at what comes out.

    sweep.py BUILD SHIM [--most N] [--only COMMAND,..] [--markdown]

Right is: exit 0 with the very bytes of an undisturbed run, or exit 4 (3 where a file cannot be read) with a line on standard
error; what was there before stays or is replaced as a whole; no temporary file is left; no crash, no hang. `--most` takes so many
calls of a kind, evenly spread. The last line counts; --markdown prints a table."""
import argparse, json, os, shutil, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor

KINDS = ["alloc", "open", "read", "write", "sync", "rename", "mmap"]
MODEL = "tests/fixtures/llama-mha"
TORCH = "tests/fixtures/torch/official"
RECIPE = """output: OUT/t
tokenizer: models/transformer
corpus: [data/haystack/persuasion.txt]
checkpoint_steps: 2
validation_sequences: 1
validation_steps: 2
models:
  a: {model_type: llama, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32}
optimizer: {lr: 0.001, warmup_steps: 1, clip: 1}
stages:
  - {steps: 2, seq_len: 32, sequences: 1, mix: [{kind: pairs, bytes: [60, 100]}]}
"""

# name: (program, arguments, files that it writes, files that are there before)
COMMANDS = {
    "needle": ("eval", "needle --samples 1 --lengths 128 --depths 0 --needles 1/1 --threads 1 --quiet --model a=models/transformer --out OUT/n.json", ["n.json"], []),
    "perplexity": ("eval", "perplexity --samples 1 --length 64 --threads 1 --quiet --model a=models/transformer --out OUT/p.json", ["p.json"], []),
    "table": ("eval", "table BASE --all --format json", [], []),
    "compare": ("eval", "compare BASE", [], []),
    "check": ("eval", "check BASE --against BASE --junit OUT/j.xml", ["j.xml"], ["j.xml"]),
    "report": ("eval", "report BASE --out OUT/p.html", ["p.html"], ["p.html"]),
    "rescore": ("eval", "rescore BASE --out OUT/r.json", ["r.json"], ["r.json"]),
    "list": ("eval", "list", [], []),
    "inspect": ("eval", "inspect tests/fixtures/gguf/llama.gguf", [], []),
    "logits": ("eval", f"logits --model {MODEL} --ids IDS --out OUT/l.safetensors --threads 1", ["l.safetensors"], ["l.safetensors"]),
    "generate": ("eval", "generate --prompt Once --tokens 4 --threads 1", [], []),
    "convert": ("convert", f"{TORCH}/config.json {TORCH}/part1.pth {TORCH}/part2.pth OUT/m", ["m/model.safetensors", "m/config.json"], []),
    "train": ("train", "RECIPE --threads 1 --quiet", ["t/a/model.safetensors", "t/a/config.json"], []),
}


def content(path):
    """Bytes of a file; of a report without what may differ between equal runs."""
    try:
        with open(path, "rb") as f:
            data = f.read()
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


class Sweep:
    def __init__(self, build, shim, base):
        self.build, self.shim, self.work = build, shim, base
        self.base = os.path.join(base, "base.json")
        self.ids = os.path.join(base, "ids.json")
        with open(self.ids, "w") as f:
            f.write("[1, 2, 3, 4]")
        subprocess.run([f"{build}/difftf-eval", "needle", "--samples", "1", "--lengths", "128", "--depths", "0", "--needles", "1/1",
                        "--quiet", "--out", self.base], check=True)

    def run(self, name, kind, at, count=None):
        program, arguments, outputs, before = COMMANDS[name]
        out = tempfile.mkdtemp(dir=self.work)
        recipe = os.path.join(out, "recipe.yaml")
        with open(recipe, "w") as f:
            f.write(RECIPE.replace("OUT", out))
        for path in before:
            with open(os.path.join(out, path), "w") as f:
                f.write("before")
        for word, value in (("OUT", out), ("BASE", self.base), ("IDS", self.ids), ("RECIPE", recipe)):
            arguments = arguments.replace(word, value)
        environment = dict(os.environ, LD_PRELOAD=self.shim, FAULT_CALL=kind, FAULT_AT=str(at), DIFFTF_STARTED="1",
                           OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        if count:
            environment["FAULT_COUNT"] = count
        try:
            p = subprocess.run([f"{self.build}/difftf-{program}"] + arguments.split(), env=environment, stdin=subprocess.DEVNULL,
                               capture_output=True, timeout=60)
            code, said = p.returncode, p.stderr.decode(errors="replace")
            shown = p.stdout.replace(out.encode(), b"OUT")
        except subprocess.TimeoutExpired:
            code, said, shown = "a hang", "", b""
        files = {path: content(os.path.join(out, path)) for path in outputs}
        left = [f for _, _, found in os.walk(out) for f in found if ".tmp." in f]
        shutil.rmtree(out)
        return code, shown, said, files, left

    def wrong(self, name, kind, at, right):
        """What is wrong with the run whose call `at` failed; None when nothing is."""
        code, shown, said, files, left = self.run(name, kind, at)
        before = COMMANDS[name][3]
        if left:
            return f"leaves {left[0]}"
        if code == 0:
            return None if (shown, files) == (right[1], right[3]) else "exit 0 with other output"
        if code not in (3, 4) or (code == 3 and kind not in ("open", "read", "mmap")):
            return f"ends with {code}: {said[-200:]}"
        if not said.strip():
            return "says nothing"
        for path, data in files.items():
            if data not in (right[3][path], b"before" if path in before else None):
                return f"half a {path}"
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("shim")
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--markdown", action="store_true")
    a = parser.parse_args()
    injected = failures = 0
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(os.cpu_count()) as pool:
        sweep = Sweep(a.build, os.path.abspath(a.shim), work)
        if a.markdown:
            print("| command | " + " | ".join(KINDS) + " |\n|---|" + "---:|" * len(KINDS))
        for name in a.only.split(",") if a.only else COMMANDS:
            row = []
            for kind in KINDS:
                count = os.path.join(work, "count")
                right = sweep.run(name, kind, 0, count)
                if right[0] != 0:
                    sys.exit(f"not ok {name} does not run under the shim: {right[2]}")
                with open(count) as f:
                    n = int(f.read())
                step = max(1, n / a.most) if a.most else 1
                calls = sorted({1 + int(i * step) for i in range(int(n / step))})
                found = [(at, w) for at, w in zip(calls, pool.map(lambda at: sweep.wrong(name, kind, at, right), calls)) if w]
                injected += len(calls)
                failures += len(found)
                row.append(f"{len(calls)}" + (f" of {n}" if len(calls) < n else "") + (f", **{len(found)} wrong**" if found else ""))
                for at, w in found[:5]:
                    print(f"not ok {name}: {kind} {at} of {n}: {w}", file=sys.stderr if a.markdown else sys.stdout)
                if not a.markdown and not found:
                    print(f"ok {name}: {len(calls)} of {n} failing calls of {kind}")
                sys.stdout.flush()
            if a.markdown:
                print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    print(f"\n{injected} faults injected, {failures} of them with a wrong outcome.")


main()
