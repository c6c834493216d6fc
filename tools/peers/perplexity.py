"""Perplexity beside transformers and llama.cpp

SmolLM2-135M on the beginnings of two chapters of a book: the mean loss that `perplexity` reports against transformers in float32 on
the same folder, and the loss of every token on the same GGUF files against llama.cpp (the npm build, keys and values in F32), with
the numbers in F32 and in Q4_1. llama.cpp rounds the activations to eight bits where weights are quantised; this project does not."""
import json
import os
import subprocess

import safetensors.torch
import torch
import transformers

import smollm
from common import EVAL, ROOT, Row, run, task, write_json

PEERS = ("transformers", "torch")
FROM_NPM = ("node-llama-cpp",)
TOKENS = 384


def documents():
    with open(os.path.join(ROOT, "data", "haystack", "persuasion.txt")) as f:
        book = f.read()
    middle = len(book) // 2
    return [book[:8000], book[middle:middle + 8000]]


def transformers_losses(model, ids):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none").double()


def our_losses(places, model, ids):
    write_json(places.at("ids.json"), ids)
    run(EVAL, "logits", "--model", model, "--ids", places.at("ids.json"), "--out", places.at("out.safetensors"), "--threads", 1)
    return safetensors.torch.load_file(places.at("out.safetensors"))["nll"].double()


def llama_losses(places, model, ids):
    write_json(places.at("ids.json"), ids)
    done = subprocess.run(["node", os.path.join(ROOT, "tools", "peers", "llama.mjs"), model, places.at("ids.json")],
                          cwd=places.shared, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"peers: llama.cpp: {done.stderr}")
    return torch.tensor(json.loads(done.stdout), dtype=torch.float64)


def compare(places):
    folder = smollm.folder(places)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    texts = documents()
    ids = [tokenizer(text)["input_ids"][:TOKENS] for text in texts]
    theirs = [transformers_losses(model, some) for some in ids]
    del model
    with open(places.at("texts.jsonl"), "w") as f:
        f.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    report, _ = task("perplexity", places.at("ours.json"), "--model", f"model={folder}", "--data", places.at("texts.jsonl"),
                     "--length", TOKENS)
    found = [item["results"]["model"]["evidence"] for item in report["items"]]
    yield Row("mean loss of a text, SmolLM2-135M", "transformers, float32", len(texts),
              max(abs(e["nll"] / e["predicted"] - t.mean().item()) for e, t in zip(found, theirs, strict=True)), "nats", 1e-4,
              f"{TOKENS} tokens each, perplexity {torch.cat(theirs).mean().exp():.4f}")
    single, some = smollm.single(places), ids[0]
    llama = llama_losses(places, single, some)
    quantised = our_losses(places, smollm.quantised(places), some)
    yield apart("F32 GGUF", "llama.cpp", our_losses(places, single, some), llama, 1e-3)
    yield apart("Q4_1 GGUF", "transformers, float32, of the numbers that gguf makes of it", quantised, theirs[0], 1e-3)
    yield apart("Q4_1 GGUF", "llama.cpp", quantised, llama_losses(places, smollm.quantised(places), some), None)
    yield Row("the originals among themselves: loss of a token", "transformers float32 and llama.cpp F32", len(llama),
              (theirs[0] - llama).abs().max().item(), "nats", None)


def apart(what, peer, ours, other, allowed):
    return Row(f"loss of a token, {what}", peer, len(ours), (ours - other).abs().max().item(), "nats", allowed,
               f"mean loss differs by {abs(ours.mean() - other.mean()).item():.1e}")
