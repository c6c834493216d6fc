#!/usr/bin/env python3
"""make_q8_gguf.py Q8.gguf F32.gguf: one small random llama twice, with Q8_0 matrices and with the same numbers as F32."""
import os
import random
import struct
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from gguf_writer import F32, I32, STRING, U32, llama_shapes, write

D, LAYERS, HEADS, FFN, VOCAB = 64, 2, 4, 96, 259
metadata = [("general.architecture", STRING, "llama"), ("llama.block_count", U32, LAYERS), ("llama.embedding_length", U32, D),
            ("llama.feed_forward_length", U32, FFN), ("llama.attention.head_count", U32, HEADS),
            ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5), ("llama.context_length", U32, 256),
            ("tokenizer.ggml.model", STRING, "llama"),
            ("tokenizer.ggml.tokens", STRING, ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]),
            ("tokenizer.ggml.scores", F32, [0.0] * VOCAB), ("tokenizer.ggml.token_type", I32, [2, 3, 3] + [6] * 256)]
random.seed(1)
small, plain = [], []
for name, shape in llama_shapes(D, LAYERS, FFN, VOCAB):
    if len(shape) == 1:
        raw = struct.pack(f"<{D}f", *(random.uniform(0.5, 1.5) for _ in range(D)))
        for tensors in small, plain:
            tensors.append((name, shape, 0, raw))
        continue
    blocks, floats = b"", b""
    for _ in range(shape[0] * shape[1] // 32):
        scale = struct.pack("<e", random.uniform(0.0005, 0.003))
        codes = [random.randint(-127, 127) for _ in range(32)]
        blocks += scale + struct.pack("<32b", *codes)
        floats += struct.pack("<32f", *(struct.unpack("<e", scale)[0] * c for c in codes))
    small.append((name, shape, 8, blocks))
    plain.append((name, shape, 0, floats))

for path, tensors in zip(sys.argv[1:3], (small, plain)):
    write(path, metadata, [(name, shape, kind, len(raw), lambda raw=raw: raw) for name, shape, kind, raw in tensors])
