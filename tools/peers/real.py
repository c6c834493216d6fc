"""A real model at the real thing

SmolLM2-135M-Instruct (Q4_1 of the PyPI package, dequantised) through five evaluations, few samples of each, on one core: what they
report, and how long they take. The column of the difference has the figure itself; nothing stands beside it here. TREC and PIQA are
the published sets where they are at hand (`sets/trec-train.jsonl`, `sets/trec-test.jsonl`, `sets/piqa.jsonl` in the folder of the
originals), else the sets that come with the program."""
import os

import smollm
from common import Row, task

PEERS = ("gguf",)


def published(places, *names):
    """Paths of sets that are at hand, or None."""
    paths = [os.path.join(places.shared, "sets", name + ".jsonl") for name in names]
    return paths if all(map(os.path.exists, paths)) else None


def runs(places):
    """Name, what it is of, metric, samples, task and options."""
    trec, piqa = published(places, "trec-train", "trec-test"), published(places, "piqa")
    yield ("choice", "PIQA" if piqa else "generated reading (stand-in)", "acc", 30, "choice",
           (["--form", "piqa", "--data", piqa[0]] if piqa else []) + ["--samples", 30])
    yield ("icl", "TREC" if trec else "generated topics (stand-in)", "accuracy", 20, "icl",
           (["--form", "trec", "--data", trec[0], "--test", trec[1]] if trec else [])
           + ["--length", 1024, "--shots", 1000, "--orders", 1, "--arrangement", "random", "--samples", 20])
    yield ("outliers", "*Persuasion*, 4,096 tokens", "", 4096, "outliers",
           ["--tokens", 4096, "--length", 512, "--groups", 4, "--bits", "16,8", "--samples", 10, "--documents", 1])
    yield ("needle at 4K", "*Persuasion*", "accuracy", 2, "needle",
           ["--lengths", 4096, "--depths", 50, "--needles", "1/1", "--samples", 2])
    yield "perplexity at 8K", "*Persuasion*", "perplexity", 1, "perplexity", ["--length", 8192, "--samples", 1]


def compare(places):
    folder = smollm.folder(places)
    for name, of, metric, n, command, options in runs(places):
        report, seconds = task(command, places.at(command + ".json"), "--model", f"model={folder}", *options)
        found = next((m for m in report["metrics"] if m["name"] == metric), report["metrics"][0])
        yield Row(name, of, n, found["value"], found["name"], None, f"{seconds:.0f} s of one core")
