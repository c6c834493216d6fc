#!/usr/bin/env python3
"""shape.py FILE: the bench's Transformer with random F32 weights as a GGUF file, for llama.cpp.  Needs python3-numpy."""
import math
import os
import sys

import numpy as np

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from gguf_writer import F32, I32, STRING, U32, llama_shapes, write

D, LAYERS, HEADS, FFN, VOCAB = 1024, 12, 16, 2816, 32000

pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
pieces += [f"word{i}" for i in range(VOCAB - len(pieces))]
types = [2, 3, 3] + [6] * 256 + [1] * (VOCAB - 259)
metadata = [("general.architecture", STRING, "llama"), ("llama.block_count", U32, LAYERS), ("llama.embedding_length", U32, D),
            ("llama.feed_forward_length", U32, FFN), ("llama.attention.head_count", U32, HEADS),
            ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5), ("llama.rope.freq_base", F32, 10000.0),
            ("llama.rope.dimension_count", U32, D // HEADS), ("llama.context_length", U32, 65536),
            ("tokenizer.ggml.model", STRING, "llama"), ("tokenizer.ggml.tokens", STRING, pieces),
            ("tokenizer.ggml.scores", F32, [-float(i) for i in range(VOCAB)]), ("tokenizer.ggml.token_type", I32, types)]
rng = np.random.default_rng(1)


def draw(shape):
    w = np.ones(shape, np.float32) if len(shape) == 1 else (rng.random(shape, np.float32) - 0.5) * 0.05
    return w.tobytes()


write(sys.argv[1], metadata, [(name, shape, 0, 4 * math.prod(shape), lambda shape=shape: draw(shape))
                              for name, shape in llama_shapes(D, LAYERS, FFN, VOCAB)])
