"""Logits, hidden states and attention maps

Small models with random weights, written by transformers' save_pretrained in five shapes (F32, F16, BF16, shards; grouped heads, widths
of heads of their own), and the same tokens through both sides; transformers computes in float32. The difference is the largest over
logits, residual stream after every layer (both as a share of the largest value) and the attention maps of the first and the last
layer, for DiffLlama the effective map A1 - lambda A2. Transformers rounds the angles of the rotation to float32 even where the model is
float64; this project has them in double."""
import json
import os
import shutil

import safetensors.torch
import torch
import transformers

from common import EVAL, Row, run

PEERS = ("torch", "transformers")
ALLOWED = 1e-4

# hidden_size, layers, heads, key heads, head_dim, intermediate_size, vocab_size, tokens; how the file holds them, and whether in shards.
SHAPES = [((64, 2, 4, 4, 16, 128, 257, 33), "float32", False), ((96, 3, 6, 2, 16, 160, 500, 65), "float32", False),
          ((128, 2, 8, 1, 32, 256, 1000, 130), "bfloat16", False), ((48, 4, 4, 2, 24, 80, 300, 200), "float16", False),
          ((256, 3, 8, 4, 32, 512, 2048, 300), "bfloat16", True)]

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
# Name, model type, what is not the default; `old`: the file's rotary keys as they were spelt before rope_parameters.
VARIANTS = [
    ("llama", "llama", {}),
    ("llama, tied, biases", "llama", {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True}),
    ("llama, linear rope", "llama", {"rope": {"rope_type": "linear", "factor": 3.0}}),
    ("llama, linear rope, old keys", "llama", {"rope": {"rope_type": "linear", "factor": 3.0}, "old": True}),
    ("llama, dynamic rope", "llama", {"rope": {"rope_type": "dynamic", "factor": 2.0}, "max_position_embeddings": 64}),
    ("llama, yarn", "llama", {"rope": YARN, "max_position_embeddings": 256}),
    ("llama, yarn, old keys", "llama", {"rope": YARN | {"attention_factor": 1.3, "beta_fast": 16.0, "beta_slow": 2.0}, "old": True,
                                        "max_position_embeddings": 256}),
    ("llama, llama3 rope", "llama", {"rope": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                              "original_max_position_embeddings": 64, "rope_theta": 500000.0}}),
    ("mistral, window", "mistral", {"sliding_window": 24}),
    ("mistral, no window", "mistral", {"sliding_window": None}),
    ("qwen2", "qwen2", {}),
    ("qwen2, windows by layer", "qwen2", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}),
    ("qwen3", "qwen3", {"attention_bias": True}),
    ("qwen3, yarn", "qwen3", {"rope": YARN, "max_position_embeddings": 256}),
    ("smollm3", "smollm3", {"no_rope_layer_interval": 2, "pad_token_id": None}),
    ("diffllama", "diffllama", {}),
    ("diffllama, biases, llama3 rope", "diffllama", {"attention_bias": True, "rope": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}}),
]


def write_model(folder, kind, extra, shape, dtype, shards):
    """A folder with random weights that make peaked maps, and the tokens to put through it."""
    D, layers, heads, kv, d, ffn, vocab, tokens = shape
    extra = dict(extra)
    kv = max(kv, 2) if kind == "diffllama" else kv  # transformers asks for an even number
    old, rope = extra.pop("old", False), {"rope_type": "default", "rope_theta": 10000.0} | extra.pop("rope", {})
    config = transformers.AutoConfig.for_model(
        kind, hidden_size=D, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv, head_dim=d,
        intermediate_size=ffn, vocab_size=vocab, rope_parameters=rope, bos_token_id=1, eos_token_id=2,
        **{"max_position_embeddings": 512, "tie_word_embeddings": False} | extra)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            spread = 1.5 / p.shape[-1] ** 0.5 if p.dim() == 2 and "embed" not in name else 0.2 if "norm" in name else 0.3
            p.copy_(torch.randn(p.shape) * spread + (1 if "norm" in name else 0))
    shutil.rmtree(folder, ignore_errors=True)
    model.to(getattr(torch, dtype)).save_pretrained(folder, **({"max_shard_size": "1MB"} if shards else {}))
    if old:
        path = os.path.join(folder, "config.json")
        with open(path) as f:
            written = json.load(f)
        scaling = written.pop("rope_parameters")
        written |= {"rope_theta": scaling.pop("rope_theta"), "rope_scaling": scaling}
        with open(path, "w") as f:
            json.dump(written, f)
    return torch.randint(0, vocab, (tokens,)).tolist()


def theirs(folder, ids, attention, dtype=torch.float32):
    """What transformers computes, under the names of `difftf-eval logits`."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention).eval()
    out, hooks = {}, []
    for l, layer in enumerate(model.model.layers):
        def keep(_module, _input, output, l=l):
            out[f"hidden.{l}"] = (output[0] if isinstance(output, tuple) else output)[0]
        hooks.append(layer.register_forward_hook(keep))
    with torch.no_grad():
        result = model(input_ids=torch.tensor([ids]), output_attentions=attention == "eager", use_cache=False)
        out["logits"] = result.logits[0]
        for l in {0, len(model.model.layers) - 1} if attention == "eager" else ():
            out[f"attention.{l}"] = effective(model.model.layers[l].self_attn, result.attentions[l][0], l)
    return out


def effective(module, maps, layer):
    """A1 - lambda A2 of each pair of DiffLlama, from the parameters; the maps themselves for the others."""
    if not hasattr(module, "lambda_q1"):
        return maps
    dot = lambda a, b: torch.exp((a * b).sum())
    start = 0.8 - 0.6 * torch.exp(torch.tensor(-0.3 * layer, dtype=maps.dtype))
    factor = dot(module.lambda_q1, module.lambda_k1) - dot(module.lambda_q2, module.lambda_k2) + start
    first, second = maps.chunk(2)
    return first - factor * second


def ours(folder, ids, last, places):
    path, file = places.at("ids.json"), places.at("out.safetensors")
    with open(path, "w") as f:
        json.dump(ids, f)
    out = {}
    for layer in {0, last}:
        run(EVAL, "logits", "--model", folder, "--ids", path, "--out", file, "--hidden", "--attention", layer, "--threads", 1)
        out |= safetensors.torch.load_file(file)
    return out


def distance(a, b):
    """The largest difference of each kind, as a share of the largest value (maps: as it is)."""
    out = {"logits": 0.0, "hidden": 0.0, "attention": 0.0}
    for name in a.keys() & b.keys():
        x, y = a[name].double(), b[name].double()
        if x.shape != y.shape:
            raise SystemExit(f"peers: {name}: shapes {tuple(x.shape)} and {tuple(y.shape)}")
        kind = name.split(".")[0]
        scale = 1.0 if kind == "attention" else y.abs().max().item()
        out[kind] = max(out[kind], (x - y).abs().max().item() / scale)
    return out


def worst(found):
    return {kind: max(f[kind] for f in found) for kind in found[0]}


def row(what, peer, found, allowed):
    """A row over the shapes of a variant, with the largest difference of each kind in its note."""
    kinds = worst(found)
    note = ", ".join(f"{kind} {value:.1e}" for kind, value in kinds.items() if kind != "attention" or value > 0)
    return Row(what, peer, len(found), max(kinds.values()), "of the largest value", allowed, note)


def compare(places):
    torch.manual_seed(1)
    exact, double, attentions = [], [], []
    for name, kind, extra in VARIANTS:
        eager, sdpa = [], []
        for shape, dtype, shards in SHAPES:
            folder = places.at("model")
            ids = write_model(folder, kind, extra, shape, dtype, shards)
            mine, plain = ours(folder, ids, shape[1] - 1, places), theirs(folder, ids, "eager")
            fused = theirs(folder, ids, "sdpa")
            eager.append(distance(mine, plain))
            sdpa.append(distance(mine, fused))
            wide = theirs(folder, ids, "eager", torch.float64)
            exact.append(distance(mine, wide))
            double.append(distance(plain, wide))
            attentions.append(distance(fused, plain))
        yield row(name, "transformers, eager", eager, ALLOWED)
        if kind == "diffllama":
            yield row(name, "transformers, sdpa", sdpa, ALLOWED)
    yield row("all of these", "transformers, eager in float64", exact, ALLOWED)
    yield row("the originals among themselves", "transformers float32 and float64", double, None)
    yield row("the originals among themselves", "transformers sdpa and eager", attentions, None)
