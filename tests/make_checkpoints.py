#!/usr/bin/env python3
"""make_checkpoints.py MODEL FOLDER: the tensors of MODEL/model.safetensors as training scripts save them with PyTorch, which is
not needed: a file for each way to wrap them, `liar.pth`, whose entries claim more than they hold, and the folder `ones`, which is
the model with norms of heads that do not scale."""
import io, json, os, pickle, shutil, struct, sys, types, zipfile

model, folder = sys.argv[1:3]
raw = open(os.path.join(model, "model.safetensors"), "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
header = {k: v for k, v in json.loads(raw[8:8 + n]).items() if k != "__metadata__"}
bytes_of = {k: raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]] for k, v in header.items()}

# What pickle looks up by name, as far as it is written.
torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": utils})


def named(module, name):
    thing = type(name, (), {"__module__": module.__name__, "__qualname__": name})
    setattr(module, name, thing)
    return thing


rebuild = named(utils, "_rebuild_tensor_v2")
KINDS = {"BF16": (named(torch, "BFloat16Storage"), 2), "F32": (named(torch, "FloatStorage"), 4), "I64": (named(torch, "LongStorage"), 8)}


class Storage:
    def __init__(self, dtype, data):
        self.dtype, self.data = dtype, data


class Tensor:
    def __init__(self, dtype, shape, data):
        self.storage, self.shape = Storage(dtype, data), tuple(shape)

    def __reduce__(self):
        strides = [1]
        for size in reversed(self.shape[1:]):
            strides.insert(0, strides[0] * size)
        return rebuild, (self.storage, 0, self.shape, tuple(strides[:len(self.shape)]), False, {})


def save(path, value, protocol=2):
    out, storages = io.BytesIO(), []

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if not isinstance(thing, Storage):
                return None
            kind, size = KINDS[thing.dtype]
            storages.append(thing.data)
            return "storage", kind, str(len(storages) - 1), "cpu", len(thing.data) // size

    Pickler(out, protocol).dump(value)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("archive/data.pkl", out.getvalue())
        for i, data in enumerate(storages):
            z.writestr(f"archive/data/{i}", data)


def state(change=lambda name: name, without=()):
    return {change(k[len("model."):] if k.startswith("model.") else k): Tensor(v["dtype"], v["shape"], bytes_of[k])
            for k, v in header.items() if not any(w in k for w in without)}


def before(prefix):
    return lambda name: prefix + name


def within(wrap):
    return lambda name: name.replace("layers.0.", "layers.0." + wrap)


other = {"exp_avg": Tensor("F32", [2], struct.pack("<2f", 1, 2))}
WAYS = {
    "bare": state(),
    "compiled_ddp": state(before("_orig_mod.module.")),
    "ddp_compiled": state(before("module._orig_mod.")),
    "twice": state(before("module.module._orig_mod.model.decoder.")),
    "lightning": {"epoch": 3, "state_dict": state(before("model._orig_mod.")), "callbacks": {"a": {1, 2}}, "optimizer_states": [other]},
    "model_state_dict": {"model_state_dict": state(), "optimizer_state_dict": other, "epoch": 7, "rng": b"bytes"},
    "nested": {"app": {"model": {"state_dict": state(before("net."))}, "optim": other}},
    "deepspeed": {"module": state(before("_forward_module.model.")), "step": Tensor("I64", [], bytes(8))},
    "fsdp": state(within("_fsdp_wrapped_module._checkpoint_wrapped_module.")),
    "compiled_layers": state(within("_orig_mod.")),
    "buffers": {**state(before("decoder.")), "decoder.layers.0.self_attn.rotary_emb.inv_freq": Tensor("F32", [1], bytes(4)),
                "decoder.position_ids": Tensor("I64", [2], bytes(16))},
}
os.makedirs(folder, exist_ok=True)
for name, value in WAYS.items():
    save(os.path.join(folder, name + ".pt"), value)
save(os.path.join(folder, "protocol4.pt"), WAYS["lightning"], 4)
save(os.path.join(folder, "no_subln.pt"), state(without=["subln"]))
save(os.path.join(folder, "long_weight.pt"), {**state(without=["q_proj"]), "layers.0.self_attn.q_proj.weight": Tensor("I64", [2], bytes(16))})

# The same model with scales of ones.
ones = os.path.join(folder, "ones")
os.makedirs(ones, exist_ok=True)
shutil.copy(os.path.join(model, "config.json"), ones)
data = bytearray(raw)
for k, v in header.items():
    if "subln" in k:
        data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]] = struct.pack("<H", 0x3f80) * v["shape"][0]
open(os.path.join(ones, "model.safetensors"), "wb").write(data)

# Packed entries whose sizes in the archive's directory are 60 MB.
path = os.path.join(folder, "liar.pth")
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("archive/data.pkl", b"\x80\x02}." * 8)
lie = bytearray(open(path, "rb").read())
for magic, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
    where = lie.index(magic) + at
    lie[where:where + 4] = struct.pack("<I", 60 << 20)
open(path, "wb").write(lie)
