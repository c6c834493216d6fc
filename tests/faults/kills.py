#!/usr/bin/env python3
"""Kills every command and the trainer at random moments, starts each again until it ends, and compares the bytes.

    kills.py BUILD [--rounds N] [--only NAME,..] [--seed N]

A round is one kill (SIGKILL, now and then SIGTERM or SIGHUP) after a random part of the time that an undisturbed run takes, then
the same command again, and another kill or the end. What comes out in the end must be what an undisturbed run writes, but for what
may differ (`run` of a report, the trainer's log of speeds), with no temporary file and no journal left."""
import argparse, json, os, random, shutil, signal, subprocess, sys, tempfile, time

RECIPE = """output: OUT/t
tokenizer: models/transformer
corpus: [data/haystack/persuasion.txt]
checkpoint_steps: 3
validation_sequences: 2
validation_steps: 6
models:
  a: {model_type: llama, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64}
  b: {model_type: diff_transformer, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64}
optimizer: {lr: 0.001, warmup_steps: 1, clip: 1}
stages:
  - {steps: 24, seq_len: 128, sequences: 2, mix: [{kind: pairs, bytes: [60, 100]}, {kind: text, bytes: [100, 200]}]}
"""
EXPERIMENT = """name: two
output: OUT/e
options: {seed: 1, threads: 1}
evaluations:
  - {task: needle, samples: 2, lengths: 256, depths: 0, needles: 1/1}
  - {task: choice, samples: 6}
"""
COMMANDS = {
    "needle": ("eval", "needle --samples 4 --lengths 256 --depths 0,100 --needles 1/1 --threads 2 --quiet --out OUT/r.json", ["r.json"]),
    "perplexity": ("eval", "perplexity --samples 12 --length 128 --threads 1 --quiet --out OUT/r.json", ["r.json"]),
    "icl": ("eval", "icl --shots 2,4 --length 256 --orders 2 --samples 4 --threads 1 --quiet --out OUT/r.json", ["r.json"]),
    "hallucination": ("eval", "hallucination --samples 4 --threads 1 --quiet --out OUT/r.json", ["r.json"]),
    "choice": ("eval", "choice --form configs/choice/reading.yaml --samples 12 --threads 1 --quiet --out OUT/r.json", ["r.json"]),
    "outliers": ("eval", "outliers --samples 2 --tokens 512 --length 64 --groups 4 --bits 16,4 --documents 1 --threads 1 --quiet --out OUT/r.json", ["r.json"]),
    "math": ("eval", "math --quiet --samples 12 --out OUT/r.json", ["r.json"]),
    "run": ("eval", "run OUT/run.yaml --quiet", ["e/needle.json", "e/choice.json"]),
    "scaling": ("eval", "scaling --quiet --out OUT/r.json", ["r.json"]),
    "train": ("train", "OUT/recipe.yaml --threads 1 --quiet", [f"t/{m}/{f}" for m in "ab" for f in ("model.safetensors", "config.json", "training.json")]),
}


def content(path):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith("r.json") or "/e/" in path:
        report = json.loads(data)
        report.pop("run")
        return json.dumps(report)
    return data


def start(build, name, out):
    program, arguments, _ = COMMANDS[name]
    for file, text in (("recipe.yaml", RECIPE), ("run.yaml", EXPERIMENT)):
        with open(os.path.join(out, file), "w") as f:
            f.write(text.replace("OUT", out))
    return subprocess.Popen([f"{build}/difftf-{program}"] + arguments.replace("OUT", out).split(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process, name):
    _, said = process.communicate(timeout=600)
    if process.returncode != 0:
        raise SystemExit(f"not ok {name} ends with {process.returncode}: {said.decode(errors='replace')}")


def round_of(build, name, work, right, seconds, kills):
    """Runs with up to `kills` kills; how many hit, and what is wrong in the end."""
    out = tempfile.mkdtemp(dir=work)
    hit = 0
    for _ in range(kills):
        process = start(build, name, out)
        time.sleep(random.uniform(0, seconds))
        process.send_signal(random.choice([signal.SIGKILL] * 4 + [signal.SIGTERM, signal.SIGHUP]))
        process.communicate()
        hit += process.returncode != 0
        if process.returncode not in (0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, 128 + signal.SIGTERM, 128 + signal.SIGHUP):
            return hit, f"a killed run ends with {process.returncode}"
    finish(start(build, name, out), name)
    wrong = [f for f, data in right.items() if content(os.path.join(out, f)) != data]
    left = [f for _, _, found in os.walk(out) for f in found if ".tmp." in f or f.endswith(".journal")]
    shutil.rmtree(out)
    return hit, f"{wrong[0]} differs" if wrong else f"{left[0]} is left" if left else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    random.seed(a.seed)
    bad = total = 0
    with tempfile.TemporaryDirectory() as work:
        for name in a.only.split(",") if a.only else COMMANDS:
            out = tempfile.mkdtemp(dir=work)
            began = time.time()
            finish(start(a.build, name, out), name)
            seconds = time.time() - began
            right = {f: content(os.path.join(out, f)) for f in COMMANDS[name][2]}
            kills = 0
            while kills < a.rounds:
                hit, wrong = round_of(a.build, name, work, right, seconds, random.randint(1, 8))
                kills += max(hit, 1)
                if wrong:
                    bad += 1
                    print(f"not ok {name}: {wrong}")
            total += kills
            print(f"ok {name}: {kills} kills" if not bad else f"{name}: {kills} kills", flush=True)
    print(f"{total} kills, {bad} wrong outcomes")
    sys.exit(bad > 0)


main()
