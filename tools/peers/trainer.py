"""The trainer beside PyTorch

50 steps of AdamW at a rate of 3e-4 (after a warm-up, with clipping and weight decay) on the same sequences from the same first
weights, both in float32. PyTorch runs transformers' own Llama and DiffLlama, and for the two versions of the Diff Transformer the
model written here from the paper and the public code. Losses are means over ten steps, as the log has them; the distance of the last
weights is the norm of the difference over the norm of the way travelled."""
import gzip
import json
import math
import os

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
import transformers

from common import ROOT, TRAIN, Row, run

PEERS = ("torch", "transformers")
LOSSES, WEIGHTS = 1e-5, 2e-5
STEPS, LOGGED = 50, 10
OPTIMIZER = {"lr": 3e-4, "min_lr": 3e-5, "warmup_steps": 5, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1, "clip": 1.0}
SHAPE = {"hidden_size": 64, "head_dim": 16, "num_hidden_layers": 2, "intermediate_size": 96, "max_position_embeddings": 64,
         "rms_norm_eps": 1e-5, "rope_theta": 10000, "tie_word_embeddings": True}
# Heads, heads of keys: output heads but for llama and diffllama, which count query heads.
MODELS = {"llama": (4, 2), "diff_transformer": (2, 1), "diff_transformer_v2": (2, 2), "diffllama": (4, 2)}


def rms(x, weight, eps):
    x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return x if weight is None else x * weight


def turned(x):
    """Rotary positions on channels 2j and 2j + 1 of x [.., T, d], as the public code of the Diff Transformer has them."""
    T, d = x.shape[-2:]
    angle = torch.arange(T, dtype=torch.float64)[:, None] / SHAPE["rope_theta"] ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


def softmax_map(q, k):
    hidden = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    return (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf).softmax(-1)


class DiffTransformer(torch.nn.Module):
    """Both versions, on the tensors of a checkpoint."""

    def __init__(self, family, tensors):
        super().__init__()
        self.second, (self.heads, self.kv) = family.endswith("v2"), MODELS[family]
        self.w = torch.nn.ParameterDict({name.replace(".", "/"): torch.nn.Parameter(t.clone()) for name, t in tensors.items()})

    def named_parameters(self, *_args, **_options):
        return ((name.replace("/", "."), p) for name, p in self.w.items())

    def of(self, layer, name):
        return self.w[f"model/layers/{layer}/{name.replace('.', '/')}"]

    def attention(self, x, layer):
        split = lambda name, width: F.linear(x, self.of(layer, f"self_attn.{name}_proj.weight")).unflatten(-1, (-1, width)).transpose(1, 2)
        d, eps = SHAPE["head_dim"], SHAPE["rms_norm_eps"]
        q, k, v = turned(split("q", d)), turned(split("k", d)), split("v", d if self.second else 2 * d)
        repeat = lambda t, heads: t.repeat_interleave(heads // t.shape[1], 1)
        if self.second:  # both maps of a head share key and value; lambda by token and head
            k, v = repeat(k, 2 * self.heads), repeat(v, 2 * self.heads)
            both = softmax_map(q, k) @ v
            share = torch.sigmoid(F.linear(x, self.of(layer, "self_attn.lambda_proj.weight"))).transpose(1, 2)[..., None]
            out = both[:, 0::2] - share * both[:, 1::2]
        else:
            dot = lambda n: torch.exp((self.of(layer, f"self_attn.lambda_q{n}") * self.of(layer, f"self_attn.lambda_k{n}")).sum())
            start = 0.8 - 0.6 * math.exp(-0.3 * layer)
            first, second = (softmax_map(q[:, m::2], repeat(k[:, m::2], self.heads)) for m in (0, 1))
            out = (first - (dot(1) - dot(2) + start) * second) @ repeat(v, self.heads)
            out = rms(out, self.of(layer, "self_attn.subln.weight"), 1e-5) * (1 - start)
        return F.linear(out.transpose(1, 2).flatten(2), self.of(layer, "self_attn.o_proj.weight"))

    def forward(self, ids):
        eps, embedding = SHAPE["rms_norm_eps"], self.w["model/embed_tokens/weight"]
        x = F.embedding(ids, embedding)
        for layer in range(SHAPE["num_hidden_layers"]):
            x = x + self.attention(rms(x, self.of(layer, "input_layernorm.weight"), eps), layer)
            y = rms(x, self.of(layer, "post_attention_layernorm.weight"), eps)
            gate, up, down = (self.of(layer, f"mlp.{n}_proj.weight") for n in ("gate", "up", "down"))
            x = x + F.linear(F.silu(F.linear(y, gate)) * F.linear(y, up), down)
        return F.linear(rms(x, self.w["model/norm/weight"], eps), embedding)


class Library(torch.nn.Module):
    """transformers' own model."""

    def __init__(self, folder):
        super().__init__()
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").train()

    def named_parameters(self, *_args, **_options):
        return self.model.named_parameters()

    def forward(self, ids):
        return self.model(input_ids=ids, use_cache=False).logits


def recipe(places, output, start, names):
    """A recipe that begins with the weights in `start`, or with random ones."""
    lines = ["seed: 1", f"tokenizer: {ROOT}/models/transformer", f"output: {output}", "keep_f32: true", "attention: across_documents",
             f"corpus: [{ROOT}/data/haystack/persuasion.txt]", "checkpoint_steps: 1000", "validation_steps: 1000", "validation_sequences: 1",
             *([f"start: {start}"] if start else []), "models:"]
    for name in names:
        heads, kv = MODELS[name]
        lines.append(f"  {name}: " + json.dumps({"model_type": name, "num_attention_heads": heads, "num_key_value_heads": kv} | SHAPE))
    stage = {"steps": STEPS, "seq_len": 64, "sequences": 4, "mix": [{"kind": "text", "bytes": [100, 300]}, {"kind": "pairs", "bytes": [60, 120]}]}
    lines += ["optimizer: " + json.dumps({k: f"{v:.9f}" for k, v in OPTIMIZER.items()}).replace('"', ""), "stages:", "  - " + json.dumps(stage)]
    path = places.at("recipe.yaml")
    with open(path, "w") as f:
        f.write("\n".join(lines).replace("1e-05", "1.0e-5") + "\n")
    return path


def peer_training(model, tensors, stream, rates):
    """Losses of every step of the peer, which is left with its last weights."""
    named = [(name, p) for name, p in model.named_parameters() if name in tensors]
    if {name for name, _ in named} != set(tensors):
        raise SystemExit(f"peers: tensors {set(tensors) ^ {name for name, _ in named}} are on one side alone")
    parameters = [p for _, p in named]
    adamw = torch.optim.AdamW([{"params": [p for p in parameters if p.dim() == 2], "weight_decay": OPTIMIZER["weight_decay"]},
                               {"params": [p for p in parameters if p.dim() != 2], "weight_decay": 0.0}],
                              lr=1.0, betas=(OPTIMIZER["beta1"], OPTIMIZER["beta2"]), eps=1e-8)
    losses = []
    for batch, rate in zip(stream.view(STEPS, 4, 65), rates, strict=True):
        adamw.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, OPTIMIZER["clip"])
        for group in adamw.param_groups:
            group["lr"] = rate
        adamw.step()
        losses.append(loss.item())
    return losses, dict(named)


def compare(places):
    first, last, export = places.at("first"), places.at("last"), places.at("export")
    run(TRAIN, "export", recipe(places, first, None, MODELS), export)
    with open(os.path.join(export, "export.json")) as f:
        plan = json.load(f)
    with gzip.open(os.path.join(export, "training.gz")) as f:
        stream = torch.from_numpy(np.frombuffer(f.read(), dtype="<u2").astype(np.int64))
    torch.manual_seed(5)
    for name in MODELS:
        tensors = {}
        for entry in plan["models"][name]["tensors"]:
            value = torch.full(entry["shape"], float(entry["value"])) if "value" in entry else torch.randn(entry["shape"]) * entry["deviation"]
            tensors[entry["name"]] = value
        folder = places.at("start", name, "config.json")
        with open(folder, "w") as f:
            json.dump(plan["models"][name]["config"], f)
        safetensors.torch.save_file(tensors, places.at("start", name, "model.safetensors"), metadata={"format": "pt"})
        for file in ("tokenizer.json", "tokenizer_config.json"):
            with open(os.path.join(export, "tokenizer", file)) as source, open(places.at("start", name, file), "w") as f:
                f.write(source.read())
    run(TRAIN, recipe(places, last, places.at("start"), MODELS), "--threads", 1, "--fresh", "--quiet")
    for name in MODELS:
        start = safetensors.torch.load_file(places.at("start", name, "model.safetensors"))
        end = safetensors.torch.load_file(places.at("last", name, "model.safetensors"))
        with open(places.at("last", name, "train.jsonl")) as f:
            log = [json.loads(line)["loss"] for line in f]
        library = name in ("llama", "diffllama")
        peer = Library(places.at("start", name)) if library else DiffTransformer(name, start)
        losses, weights = peer_training(peer, start, stream, plan["rates"])
        means = np.array(losses).reshape(-1, LOGGED).mean(1)
        title = f"{'transformers' if library else 'own model'} in PyTorch, float32"
        yield Row(f"{name}, losses", title, STEPS, float(np.abs(means - log).max()), "nats", LOSSES, f"from {means[0]:.4f} to {means[-1]:.4f}")
        norm = lambda pairs: math.sqrt(sum((a.double() - b.double()).square().sum().item() for a, b in pairs))
        apart, way = norm((end[n], weights[n].detach()) for n in end), norm((end[n], start[n]) for n in end)
        yield Row(f"{name}, last weights", title, sum(t.numel() for t in end.values()), apart / way, "of the way", WEIGHTS)
