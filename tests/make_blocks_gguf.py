#!/usr/bin/env python3
"""make_blocks_gguf.py BLOCKS.gguf F32.gguf: one small llama twice, its matrices in every quantised format and with the same numbers as
F32. Blocks and numbers are those of fixtures/blocks, over and over, from another one on in each matrix."""
import os
import struct
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(here, "..", "tools"))
from gguf_writer import F32, I32, STRING, U32, llama_shapes, write

D, LAYERS, HEADS, FFN, VOCAB = 256, 2, 4, 256, 259
FORMATS = {"Q8_0": 8, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14, "IQ4_NL": 20,
           "IQ4_XS": 23}
metadata = [("general.architecture", STRING, "llama"), ("llama.block_count", U32, LAYERS), ("llama.embedding_length", U32, D),
            ("llama.feed_forward_length", U32, FFN), ("llama.attention.head_count", U32, HEADS),
            ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5), ("llama.context_length", U32, 256),
            ("tokenizer.ggml.model", STRING, "llama"),
            ("tokenizer.ggml.tokens", STRING, ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]),
            ("tokenizer.ggml.scores", F32, [0.0] * VOCAB), ("tokenizer.ggml.token_type", I32, [2, 3, 3] + [6] * 256)]


def cycle(data, first, n):
    return (data[first:] + data * (n // len(data) + 1))[:n]


small, plain = [], []
for place, (name, shape) in enumerate(llama_shapes(D, LAYERS, FFN, VOCAB)):
    if len(shape) == 1:
        raw = struct.pack(f"<{D}f", *(0.5 + i % 7 / 7 for i in range(D)))
        for tensors in small, plain:
            tensors.append((name, shape, 0, raw))
        continue
    kind = list(FORMATS)[place % len(FORMATS)]
    blocks, floats = (open(os.path.join(here, "fixtures", "blocks", f"{kind}.{e}"), "rb").read() for e in ("blocks", "f32"))
    blocks, floats = blocks[len(blocks) // 2:], floats[len(floats) // 2:]  # the ones of small scales
    count = shape[0] * shape[1]
    width = len(blocks) * 256 // (len(floats) // 4)  # bytes of 256 numbers
    shift = place % (len(floats) // 1024)
    small.append((name, shape, FORMATS[kind], cycle(blocks, shift * width, count * width // 256)))
    plain.append((name, shape, 0, cycle(floats, shift * 1024, 4 * count)))
assert {kind for _, _, kind, _ in small} == {0, *FORMATS.values()}

for path, tensors in zip(sys.argv[1:3], (small, plain)):
    write(path, metadata, [(name, shape, kind, len(raw), lambda raw=raw: raw) for name, shape, kind, raw in tensors])
