"""gguf_writer.py - GGUF version 3 as the test fixtures and the bench's peers write it; apart from the C code that reads it."""
import struct

U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5
FORMAT = {U32: "<I", F32: "<f", I32: "<i"}


def text(s):
    raw = s.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, v):
    return text(v) if kind == STRING else struct.pack(FORMAT[kind], v)


def llama_shapes(D, layers, ffn, vocab):
    """Names and shapes of a llama's tensors, as many keys and values as queries, its own output matrix."""
    shapes = [("token_embd", (vocab, D)), ("output", (vocab, D)), ("output_norm", (D,))]
    for i in range(layers):
        shapes += [(f"blk.{i}.{n}", s) for n, s in (
            ("attn_norm", (D,)), ("attn_q", (D, D)), ("attn_k", (D, D)), ("attn_v", (D, D)), ("attn_output", (D, D)),
            ("ffn_norm", (D,)), ("ffn_gate", (ffn, D)), ("ffn_up", (ffn, D)), ("ffn_down", (D, ffn)))]
    return [(f"{name}.weight", shape) for name, shape in shapes]


def write(path, metadata, tensors):
    """metadata: (key, type, value or list); tensors: (name, shape, type, bytes, function that gives the bytes)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, kind, v in metadata:
        if isinstance(v, list):
            head += text(key) + struct.pack("<IIQ", ARRAY, kind, len(v)) + b"".join(value(kind, x) for x in v)
        else:
            head += text(key) + struct.pack("<I", kind) + value(kind, v)
    at = 0
    for name, shape, kind, size, _ in tensors:
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += struct.pack("<IQ", kind, at)
        at += size + -size % 32
    with open(path, "wb") as out:
        out.write(head + b"\0" * (-len(head) % 32))
        for _, _, _, size, data in tensors:
            out.write(data() + b"\0" * (-size % 32))
