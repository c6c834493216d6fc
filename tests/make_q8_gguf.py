#!/usr/bin/env python3
"""make_q8_gguf.py Q8.gguf F32.gguf: one small random llama twice, with Q8_0 matrices and with the same numbers as F32."""
import random
import struct
import sys

D, LAYERS, HEADS, FFN, VOCAB = 64, 2, 4, 96, 259
U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5
FORMAT = {U32: "<I", F32: "<f", I32: "<i"}


def text(s):
    raw = s.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, v):
    return text(v) if kind == STRING else struct.pack(FORMAT[kind], v)


metadata = [("general.architecture", STRING, "llama"), ("llama.block_count", U32, LAYERS), ("llama.embedding_length", U32, D),
            ("llama.feed_forward_length", U32, FFN), ("llama.attention.head_count", U32, HEADS),
            ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5), ("llama.context_length", U32, 256),
            ("tokenizer.ggml.model", STRING, "llama"),
            ("tokenizer.ggml.tokens", STRING, ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]),
            ("tokenizer.ggml.scores", F32, [0.0] * VOCAB), ("tokenizer.ggml.token_type", I32, [2, 3, 3] + [6] * 256)]
shapes = [("token_embd", (VOCAB, D)), ("output", (VOCAB, D)), ("output_norm", (D,))]
for i in range(LAYERS):
    shapes += [(f"blk.{i}.{n}", s) for n, s in (
        ("attn_norm", (D,)), ("attn_q", (D, D)), ("attn_k", (D, D)), ("attn_v", (D, D)), ("attn_output", (D, D)),
        ("ffn_norm", (D,)), ("ffn_gate", (FFN, D)), ("ffn_up", (FFN, D)), ("ffn_down", (D, FFN)))]
random.seed(1)
small, plain = [], []
for name, shape in shapes:
    if len(shape) == 1:
        raw = struct.pack(f"<{D}f", *(random.uniform(0.5, 1.5) for _ in range(D)))
        small.append((0, raw)), plain.append((0, raw))
        continue
    blocks, floats = b"", b""
    for _ in range(shape[0] * shape[1] // 32):
        scale = struct.pack("<e", random.uniform(0.0005, 0.003))
        codes = [random.randint(-127, 127) for _ in range(32)]
        blocks += scale + struct.pack("<32b", *codes)
        floats += struct.pack("<32f", *(struct.unpack("<e", scale)[0] * c for c in codes))
    small.append((8, blocks)), plain.append((0, floats))

for path, tensors in zip(sys.argv[1:3], (small, plain)):
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, kind, v in metadata:
        if isinstance(v, list):
            head += text(key) + struct.pack("<IIQ", ARRAY, kind, len(v)) + b"".join(value(kind, x) for x in v)
        else:
            head += text(key) + struct.pack("<I", kind) + value(kind, v)
    data = b""
    for (name, shape), (kind, raw) in zip(shapes, tensors):
        head += text(name + ".weight") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += struct.pack("<IQ", kind, len(data))
        data += raw + b"\0" * (-len(raw) % 32)
    with open(path, "wb") as out:
        out.write(head + b"\0" * (-len(head) % 32) + data)
