#!/usr/bin/env python3
"""shape.py FILE: the bench's Transformer with random F32 weights as a GGUF file, for llama.cpp.  Needs python3-numpy."""
import struct
import sys

import numpy as np

D, LAYERS, HEADS, FFN, VOCAB = 1024, 12, 16, 2816, 32000
U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5


def text(s):
    raw = s.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, v):
    if kind == STRING:
        return text(v)
    return struct.pack({U32: "<I", F32: "<f", I32: "<i"}[kind], v)


pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
pieces += [f"word{i}" for i in range(VOCAB - len(pieces))]
types = [2, 3, 3] + [6] * 256 + [1] * (VOCAB - 259)
metadata = [("general.architecture", STRING, "llama"), ("llama.block_count", U32, LAYERS), ("llama.embedding_length", U32, D),
            ("llama.feed_forward_length", U32, FFN), ("llama.attention.head_count", U32, HEADS),
            ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5), ("llama.rope.freq_base", F32, 10000.0),
            ("llama.rope.dimension_count", U32, D // HEADS), ("llama.context_length", U32, 65536),
            ("tokenizer.ggml.model", STRING, "llama"), ("tokenizer.ggml.tokens", STRING, pieces),
            ("tokenizer.ggml.scores", F32, [-float(i) for i in range(VOCAB)]), ("tokenizer.ggml.token_type", I32, types)]
tensors = [("token_embd.weight", (VOCAB, D)), ("output.weight", (VOCAB, D)), ("output_norm.weight", (D,))]
for i in range(LAYERS):
    tensors += [(f"blk.{i}.{n}.weight", s) for n, s in (
        ("attn_norm", (D,)), ("attn_q", (D, D)), ("attn_k", (D, D)), ("attn_v", (D, D)), ("attn_output", (D, D)),
        ("ffn_norm", (D,)), ("ffn_gate", (FFN, D)), ("ffn_up", (FFN, D)), ("ffn_down", (D, FFN)))]

head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
for key, kind, v in metadata:
    if isinstance(v, list):
        head += text(key) + struct.pack("<IIQ", ARRAY, kind, len(v)) + b"".join(value(kind, x) for x in v)
    else:
        head += text(key) + struct.pack("<I", kind) + value(kind, v)
at = 0
for name, shape in tensors:
    head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", 0, at)
    at += 4 * int(np.prod(shape))  # every size is a multiple of the alignment of 32
rng = np.random.default_rng(1)
with open(sys.argv[1], "wb") as out:
    out.write(head + b"\0" * (-len(head) % 32))
    for name, shape in tensors:
        w = np.ones(shape, np.float32) if len(shape) == 1 else (rng.random(shape, np.float32) - 0.5) * 0.05
        out.write(w.tobytes())
