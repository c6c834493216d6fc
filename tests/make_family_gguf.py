#!/usr/bin/env python3
"""make_family_gguf.py FOLDER FILE.gguf ARCHITECTURE: a model folder of BF16 weights as llama.cpp's converter would write it, of an
architecture whose rows of queries and keys it reorders."""
import json
import os
import struct
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from gguf_writer import F32, I32, STRING, U32, write

folder, path, name = sys.argv[1:4]
config = json.load(open(os.path.join(folder, "config.json")))
raw = open(os.path.join(folder, "model.safetensors"), "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
heads, groups, layers = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "num_hidden_layers"))
width = config["hidden_size"] // heads
names = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm", "q_proj": "attn_q",
         "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
         "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
tensors = []
for key, t in json.loads(raw[8:8 + n]).items():
    if key == "__metadata__":
        continue
    parts, (begin, end), shape = key.split("."), t["data_offsets"], t["shape"]
    data = raw[8 + n + begin:8 + n + end]
    if parts[-2] in ("q_proj", "k_proj"):  # row j of a head's first half, then row j of its second
        rows = [data[r * 2 * shape[1]:(r + 1) * 2 * shape[1]] for r in range(shape[0])]
        data = b"".join(rows[h * width + part * width // 2 + j]
                        for h in range(shape[0] // width) for j in range(width // 2) for part in range(2))
    block = f"blk.{parts[2]}." if parts[1] == "layers" else ""
    kind = 30
    if len(shape) == 1:  # norms are F32 in such a file
        kind, data = 0, b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))
    tensors.append((f"{block}{names[parts[-2]]}.weight", shape, kind, data))
vocab = config["vocab_size"]
metadata = [("general.architecture", STRING, name), (f"{name}.block_count", U32, layers),
            (f"{name}.embedding_length", U32, config["hidden_size"]), (f"{name}.feed_forward_length", U32, config["intermediate_size"]),
            (f"{name}.attention.head_count", U32, heads), (f"{name}.attention.head_count_kv", U32, groups),
            (f"{name}.attention.layer_norm_rms_epsilon", F32, config["rms_norm_eps"]),
            (f"{name}.rope.freq_base", F32, config["rope_theta"]),
            (f"{name}.context_length", U32, config["max_position_embeddings"]), ("tokenizer.ggml.model", STRING, "llama"),
            ("tokenizer.ggml.tokens", STRING, [str(i) for i in range(vocab)]), ("tokenizer.ggml.scores", F32, [0.0] * vocab),
            ("tokenizer.ggml.token_type", I32, [1] * vocab)]
write(path, metadata, [(t, shape, kind, len(data), lambda data=data: data) for t, shape, kind, data in tensors])
