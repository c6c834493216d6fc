"""Constrained decoding of icl beside brute force

Labels with common beginnings (of words and of tokens) after the same demonstrations. Brute force: transformers computes every label's
whole sequence anew, without a cache; greedy keeps at each token the labels that go on with the most probable of their next tokens,
total takes the largest sum of log-probabilities. The difference is the number of test texts given another label."""
import json
import os
import random

import torch
import transformers

import choice
from common import EVAL, ROOT, Row, run, task

PEERS = ("transformers", "torch")
LABELS = ["war", "warm weather", "warm water", "war song", "food", "foot", "footwear", "s", "sea", "season", "seasonal food", "a", "a b", "ab"]
TEXTS, SHOTS = 12, 10


def records(places, name, n, rng):
    with open(os.path.join(ROOT, "data", "haystack", "persuasion.txt")) as f:
        words = f.read().split()
    path, texts = places.at(name), []
    with open(path, "w") as f:
        for i in range(n):
            texts.append(" ".join(rng.choice(words) for _ in range(4)))
            f.write(json.dumps({"text": texts[-1], "label": LABELS[i % len(LABELS)]}) + "\n")
    return path, texts


def next_log_p(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].log_softmax(-1)


def brute_force(model, before, sequences, decode):
    """The label of `sequences` [label: ids] after the ids `before`."""
    if decode == "total":
        def total(ids):
            table = next_log_p(model, before + ids)
            return sum(table[len(before) - 1 + i, token].item() for i, token in enumerate(ids))
        return max(sequences, key=lambda label: total(sequences[label]))
    left, depth = dict(sequences), 0
    while len(left) > 1:
        beginning = next(iter(left.values()))[:depth]
        last = next_log_p(model, before + beginning)[-1]
        best = max({ids[depth] for ids in left.values()}, key=lambda token: last[token].item())
        left, depth = {label: ids for label, ids in left.items() if ids[depth] == best}, depth + 1
    return next(iter(left))


def as_shown(report, item, texts):
    """The part of the prompt that all test texts share, and the texts in the order of the report."""
    text = run(EVAL, "show", report, "--run", "--item", item["id"])
    first, *others = (section.split("\n", 1)[1] for section in text.split("--- tokens ")[1:])
    return first.removesuffix("\n"), [next(t for t in texts if other.startswith(t + "\n")) for other in others]


def label_ids(tokenizer, text):
    """What follows the text and the line break, for each label, up to the next line break."""
    start = tokenizer(text + "\n", add_special_tokens=False)["input_ids"]
    out = {}
    for label in LABELS:
        whole = tokenizer(f"{text}\n{label}\n", add_special_tokens=False)["input_ids"]
        if whole[:len(start)] != start:
            raise SystemExit(f"peers: '{label}' melts into what stands before it")
        out[label] = whole[len(start):]
    return out


def compare_model(places, folder, decode, train, test, texts):
    report = places.at(f"{decode}.json")
    result, _ = task("icl", report, "--model", f"m={folder}", "--data", train, "--test", test, "--samples", TEXTS, "--shots", SHOTS,
                     "--orders", 1, "--arrangement", "random", "--decode", decode, "--length", 1024)
    item = result["items"][0]
    shared, texts = as_shown(report, item, texts)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if tokenizer.bos_token and shared.startswith(tokenizer.bos_token):  # as shown; the blank is SentencePiece's before a text
        shared = shared.removeprefix(tokenizer.bos_token).removeprefix(" ")
    if len(tokenizer(shared)["input_ids"]) != item["results"]["m"]["evidence"]["prompt_tokens"]:
        raise SystemExit("peers: the demonstrations are not the prompt's")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    expected = [brute_force(model, tokenizer(shared + text + "\n")["input_ids"], label_ids(tokenizer, text), decode) for text in texts]
    predicted = item["results"]["m"]["evidence"]["predicted"]
    return sum(a != b for a, b in zip(predicted, expected, strict=True)), len(set(expected))


def compare(places):
    rng = random.Random(2)
    train, _ = records(places, "labels-train.jsonl", 3 * len(LABELS), rng)
    test, texts = records(places, "labels-test.jsonl", TEXTS, rng)
    torch.manual_seed(4)
    folder = choice.random_model(places, "llama", "llama2", 32000, context=2048)
    for title, path in (("embedded Transformer", os.path.join(ROOT, "models", "transformer")), ("random llama, Llama 2's tokenizer", folder)):
        for decode in ("greedy", "total"):
            count, used = compare_model(places, path, decode, train, test, texts)
            yield Row(f"{title}, {decode}", "brute force over transformers, float32", TEXTS, count, "labels", 0, f"{used} labels given")
