"""Turns SmolLM2-135M-Instruct from a GGUF file into the folder of files that vLLM loads.

GGUF keeps everything in one file: sizes, tokenizer, chat template and quantised weights.  The
weights are dequantised to bfloat16, which changes nothing about what 4 bits have lost.
Sources: the GGUF specification and llama.cpp's `convert_hf_to_gguf.py` (class LlamaModel, whose
`permute` of the query and key rows is undone here; pre-tokenizer `smollm`), read 2026-11-24.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy
import torch
from gguf import GGUFReader, dequantize
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONTROL_TOKEN: Final = 3  # gguf.TokenType.CONTROL
# What its makers recommend; at temperature 1 so small a model rambles.  Source: the model card of
# SmolLM2-135M-Instruct, "How to use", read 2026-11-24.
SAMPLING: Final = {"temperature": 0.2, "top_p": 0.9}
NAMES: Final = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_down": "mlp.down_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
}

# Any: the values of a GGUF file are of as many types as JSON has.
Fields = Mapping[str, Any]


def convert(gguf: Path, folder: Path) -> None:
    """Write weights, configuration, tokenizer and chat template.

    Raises ValueError for a file that holds another kind of model than this reads.
    """
    reader = GGUFReader(gguf)
    fields: Fields = {name: field.contents() for name, field in reader.fields.items()}
    kind = (fields["general.architecture"], fields["tokenizer.ggml.pre"])
    if kind != ("llama", "smollm"):
        raise ValueError(f"{gguf} is a model of the kind {kind}; this reads ('llama', 'smollm')")
    save_file(_weights(reader, fields), folder / "model.safetensors", metadata={"format": "pt"})
    _write(folder / "config.json", _config(fields))
    _write(folder / "generation_config.json", {**_special_ids(fields), **SAMPLING})
    _tokenizer(fields).save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", _tokenizer_config(fields))


def _weights(reader: GGUFReader, fields: Fields) -> dict[str, torch.Tensor]:
    heads = {
        "attn_q": fields["llama.attention.head_count"],
        "attn_k": fields["llama.attention.head_count_kv"],
    }
    weights = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        values = values.reshape([int(size) for size in tensor.shape[::-1]])
        name, part = _name(tensor.name)
        if part in heads:
            values = _unpermute(values, heads[part])
        weights[name] = torch.from_numpy(numpy.ascontiguousarray(values)).to(torch.bfloat16)
    return weights


def _name(name: str) -> tuple[str, str]:
    """What Transformers calls a tensor, and the part of a block that it is."""
    if name == "token_embd.weight":
        return "model.embed_tokens.weight", ""
    if name == "output_norm.weight":
        return "model.norm.weight", ""
    _, block, part, _ = name.split(".")  # blk.7.attn_q.weight
    return f"model.layers.{block}.{NAMES[part]}.weight", part


# Any: numpy's arrays carry their shape and element type only in part.
def _unpermute(values: Any, heads: int) -> Any:
    """llama.cpp turns pairs of neighbours where Transformers turns halves of a head."""
    pairs = values.reshape(heads, values.shape[0] // heads // 2, 2, *values.shape[1:])
    return pairs.swapaxes(1, 2).reshape(values.shape)


def _config(fields: Fields) -> Fields:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": fields["llama.embedding_length"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": fields["llama.attention.head_count"],
        "num_key_value_heads": fields["llama.attention.head_count_kv"],
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": fields["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": fields["llama.rope.freq_base"],
        "vocab_size": fields["llama.vocab_size"],
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "bfloat16",
        **_special_ids(fields),
    }


def _special_ids(fields: Fields) -> Fields:
    end = fields["tokenizer.ggml.eos_token_id"]
    begin = fields["tokenizer.ggml.bos_token_id"]
    return {"bos_token_id": begin, "eos_token_id": end, "pad_token_id": end}


def _tokenizer(fields: Fields) -> Tokenizer:
    tokens: Sequence[str] = fields["tokenizer.ggml.tokens"]
    types: Sequence[int] = fields["tokenizer.ggml.token_type"]
    merges = [tuple(pair.split(" ")) for pair in fields["tokenizer.ggml.merges"]]
    unknown = tokens[fields["tokenizer.ggml.unknown_token_id"]]
    ids = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, types, strict=True)
            if kind == CONTROL_TOKEN
        ]
    )
    return tokenizer


def _tokenizer_config(fields: Fields) -> Fields:
    tokens: Sequence[str] = fields["tokenizer.ggml.tokens"]
    end = tokens[fields["tokenizer.ggml.eos_token_id"]]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[fields["tokenizer.ggml.bos_token_id"]],
        "eos_token": end,
        "pad_token": end,
        "unk_token": tokens[fields["tokenizer.ggml.unknown_token_id"]],
        "model_max_length": fields["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        "chat_template": fields["tokenizer.chat_template"],
    }


def _write(file: Path, content: Fields) -> None:
    file.write_text(json.dumps(content, indent=1))
