#!/usr/bin/env python3
"""pytorch.py THREADS: the bench's work in eager PyTorch, one JSON object a line: {"work", "peer", "rate", "spread", "runs"}.  Debian: python3-torch.

Plain code as one would write it from the paper: products, softmax over the whole map, no fused kernels of other packages."""
import json
import math
import statistics
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(1)


class Layer(torch.nn.Module):
    def __init__(self, D, heads, d, ffn, diff):
        super().__init__()
        self.heads, self.diff, self.d = heads, diff, d
        width = heads * d * (2 if diff else 1)
        self.q, self.k, self.v = (torch.nn.Linear(D, width, bias=False) for _ in range(3))
        self.o = torch.nn.Linear(width, D, bias=False)
        self.gate, self.up = (torch.nn.Linear(D, ffn, bias=False) for _ in range(2))
        self.down = torch.nn.Linear(ffn, D, bias=False)
        self.norms = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(D)) for _ in range(2)])
        self.head_norm = torch.nn.Parameter(torch.ones(2 * self.d))

    def forward(self, x, turn, mask, past):
        h = norm(x, self.norms[0])
        n = x.shape[0]
        maps = 2 if self.diff else 1
        q = rotate(self.q(h).view(n, self.heads * maps, self.d), turn).transpose(0, 1)
        k = rotate(self.k(h).view(n, self.heads * maps, self.d), turn).transpose(0, 1)
        v = self.v(h).view(n, self.heads, maps * self.d).transpose(0, 1)
        if past is not None:
            if past[0] is not None:
                k, v = torch.cat([past[0], k], 1), torch.cat([past[1], v], 1)
            past[0], past[1] = k, v
        out = attention(q, k, v, mask, self.diff)
        if self.diff:
            out = norm(out, self.head_norm) * 0.2
        x = x + self.o(out.transpose(0, 1).reshape(n, -1))
        h = norm(x, self.norms[1])
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def norm(x, w):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * w


def rotate(x, turn):
    cos, sin = turn
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attention(q, k, v, mask, diff):
    s = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
    if mask is not None:
        s = s + mask
    p = torch.softmax(s, -1)
    if diff:
        p = p[0::2] - 0.5 * p[1::2]
    return p @ v


class Model(torch.nn.Module):
    def __init__(self, D, layers, heads, d, ffn, vocab, diff):
        super().__init__()
        self.embedding, self.head = torch.nn.Embedding(vocab, D), torch.nn.Linear(D, vocab, bias=False)
        self.layers = torch.nn.ModuleList([Layer(D, heads, d, ffn, diff) for _ in range(layers)])
        self.norm, self.d = torch.nn.Parameter(torch.ones(D)), d

    def forward(self, ids, start=0, past=None, last=True):
        n = len(ids)
        angle = torch.arange(start, start + n)[:, None] * 10000 ** (-torch.arange(0, self.d, 2) / self.d)
        turn = angle.cos()[:, None], angle.sin()[:, None]
        mask = torch.full((n, n), -math.inf).triu(1) if n > 1 else None
        x = self.embedding(ids)
        for i, layer in enumerate(self.layers):
            x = layer(x, turn, mask, past[i] if past else None)
        x = norm(x, self.norm)
        return self.head(x[-1:] if last else x)


def rate(work, peer, tokens, once, runs=5):
    once()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        once()
        times.append(time.perf_counter() - started)
    print(json.dumps({"work": work, "peer": peer, "rate": tokens / statistics.median(times),
                      "spread": (max(times) - min(times)) / statistics.median(times), "runs": runs}), flush=True)


for kind, heads in (("transformer", 16), ("diff", 8)):
    with torch.no_grad():
        model = Model(1024, 12, heads, 64, 2816, 32000, kind == "diff")
        for n in 512, 2048:
            ids = torch.randint(32000, (n,))
            rate(f"prefill.{n}.{kind}", "torch", n, lambda: model(ids), 3)
        prompt, more = torch.randint(32000, (512,)), torch.randint(32000, (32, 1))

        def decode():
            past = [list(p) for p in kept]
            for i in range(32):
                model(more[i], 512 + i, past)
        kept = [[None, None] for _ in model.layers]
        model(prompt, 0, kept)
        rate(f"decode.f32.{kind}", "torch", 32, decode, 3)
        del model, kept
        for n in 2048, 4096:
            maps = 16 // heads
            q, k, v = torch.randn(16, n, 64), torch.randn(16, n, 64), torch.randn(heads, n, 64 * maps)
            mask = torch.full((n, n), -math.inf).triu(1)
            rate(f"attention.{n}.{kind}", "torch", n, lambda: attention(q, k, v, mask, maps == 2), 3)
    shape = json.load(open("models/transformer/config.json" if kind == "transformer" else "models/diff-transformer/config.json"))
    small = Model(shape["hidden_size"], shape["num_hidden_layers"], shape["num_attention_heads"], shape["head_dim"],
                  shape["intermediate_size"], shape["vocab_size"], kind == "diff")
    ids = torch.randint(shape["vocab_size"], (513,))

    def step():
        small.zero_grad()
        F.cross_entropy(small(ids[:-1], last=False), ids[1:]).backward()
    rate(f"train.{kind}", "torch", 512, step)
