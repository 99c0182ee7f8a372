"""Import a Hugging Face ``config.json``: sizes alone, so weights are shapes only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from workloads.errors import CodesignError, did_you_mean
from workloads.importers.huggingface_fields import (
    MOST_ACTIVE_EXPERTS,
    MOST_EXPERTS,
    MOST_LAYERS,
    MOST_VOCABULARY,
    Fields,
    read_config,
    shortened,
)
from workloads.network import Network
from workloads.phase import Phase
from workloads.zoo.encoder import Encoder, bert, vision_transformer
from workloads.zoo.transformer import Decoder, check_decoder, decoder

#: Hugging Face's names of activations, and the operator kind of each.
ACTIVATIONS = {
    "silu": "silu", "swish": "silu", "gelu": "gelu", "gelu_new": "gelu", "gelu_fast": "gelu", "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu", "quick_gelu": "gelu", "relu": "relu",
}  # fmt: skip
#: Largest parameters of a network: the counts of a run stay far from the end of 64 bits.
MOST_PARAMETERS = 1 << 46
_DTYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "auto": "fp16"}


def import_huggingface(path: str | Path, phase: Phase | None = None) -> Network:
    """Return the network that a ``config.json`` describes.

    Parameters
    ----------
    path : str or Path
    phase : Phase, optional
        Prefill or decode, context, and format of the key-value cache of a language model.

    Raises
    ------
    CodesignError
        When the file is faulty, its architecture is not known, or the phase is not one of the model's.
    """
    return network_from_config(read_config(path), str(path), phase or Phase())


def network_from_config(config: dict[str, Any], where: str, phase: Phase) -> Network:
    """Return the network of a configuration already read; `where` names it in errors and reports."""
    model = model_from_config(config, where)
    if isinstance(model, Decoder):
        return decoder(model, phase, where)
    if model.width % model.heads:
        raise CodesignError(f"{where}: {model.heads} attention heads do not divide the hidden size {model.width}")
    if model.vocabulary:
        return bert(model, phase, where)
    if phase.given():
        kind = _model_type(Fields(where, config))
        raise CodesignError(f"{where}: {phase.given()}: {kind} reads an image and has no phases")
    return vision_transformer(model, where)


def model_from_config(config: dict[str, Any], where: str) -> Decoder | Encoder:
    """Return the sizes of the model that a configuration describes, checked; `where` names it in errors."""
    fields = Fields(where, config)
    kind = _model_type(fields)
    if kind not in READERS:
        names = ", ".join(sorted(READERS))
        raise fields.fault(
            "model_type", f"'{shortened(kind)}' is not supported; use {names}{did_you_mean(kind, READERS)}"
        )
    model = READERS[kind](fields, _name(where, kind))
    _check_size(model, where)
    if isinstance(model, Decoder):
        check_decoder(model, where)
    return model


def _model_type(fields: Fields) -> str:
    if fields.values.get("model_type") is None and fields.names("architectures"):
        name = fields.names("architectures")[0].lower()
        found = [kind for kind in sorted(READERS, key=len, reverse=True) if name.startswith(kind.replace("_", ""))]
        if found:
            return found[0]
    return fields.text("model_type")


def _name(where: str, kind: str) -> str:
    """Return what reports call the network: the folder of a ``config.json``, the name of another file."""
    path = Path(where)
    name = path.parent.name if path.name == "config.json" else path.stem
    return name or kind


def _check_size(model: Decoder | Encoder, where: str) -> None:
    """Refuse models whose sizes, each allowed, make a network beyond any that exists."""
    one = 4 * model.width * model.width
    head = getattr(model, "head_size", 0) or 0
    one += 4 * model.width * model.heads * head
    one += 3 * model.width * model.hidden * max(getattr(model, "experts", 0), 1)
    total = model.layers * one + 2 * model.vocabulary * model.width
    if total > MOST_PARAMETERS:
        raise CodesignError(
            f"{where}: its sizes make about {total:.3g} parameters; at most {MOST_PARAMETERS:.3g} are read"
        )


def _common(fields: Fields) -> dict[str, Any]:
    """Return the sizes that Llama and its kin, BERT and ViT all name alike."""
    return {
        "width": fields.size("hidden_size"),
        "layers": fields.size("num_hidden_layers", most=MOST_LAYERS),
        "heads": fields.size("num_attention_heads"),
        "hidden": fields.size("intermediate_size"),
    }


def _format(fields: Fields) -> str:
    return fields.choice("torch_dtype", "dtype", allowed=_DTYPES, default="auto")


def _check_language_model(fields: Fields) -> None:
    """Refuse a decoder with another head than that of the vocabulary, or with none: its parameters are others."""
    for architecture in fields.names("architectures")[:1]:
        if not architecture.endswith(("ForCausalLM", "LMHeadModel")):
            raise fields.fault(
                "architectures", f"'{shortened(architecture)}' is not supported; decoders are read with their language "
                "head (...ForCausalLM, ...LMHeadModel)",
            )  # fmt: skip


def _rotary(fields: Fields, name: str, **given: Any) -> Decoder:
    """Read what Llama, Mistral, Mixtral and Qwen have in common; `given` differs between them."""
    _check_language_model(fields)
    common = _common(fields)
    tied, head = fields.flag("tie_word_embeddings", False), fields.size("head_dim", default=0, least=0)
    return Decoder(
        name, **common, vocabulary=fields.size("vocab_size", most=MOST_VOCABULARY),
        positions=fields.size("max_position_embeddings", default=2048),
        kv_heads=fields.size("num_key_value_heads", default=common["heads"]),
        activation=fields.choice("hidden_act", allowed=ACTIVATIONS, default="silu"),
        number_format=_format(fields),
        **{"tied": tied, "head_size": head, **given},
    )  # fmt: skip


def _llama(fields: Fields, name: str) -> Decoder:
    bias = fields.flag("attention_bias", False)
    return _rotary(fields, name, qkv_bias=bias, output_bias=bias, hidden_bias=fields.flag("mlp_bias", False))


def _mistral(fields: Fields, name: str) -> Decoder:
    return _rotary(fields, name, window=fields.size("sliding_window", default=0, least=0))


def _mixtral(fields: Fields, name: str) -> Decoder:
    return _rotary(
        fields, name, window=fields.size("sliding_window", default=0, least=0),
        experts=fields.size("num_local_experts", default=8, most=MOST_EXPERTS),
        active_experts=fields.size("num_experts_per_tok", default=2, most=MOST_ACTIVE_EXPERTS),
    )  # fmt: skip


def _qwen2(fields: Fields, name: str) -> Decoder:
    window = fields.size("sliding_window", default=0, least=0) if fields.flag("use_sliding_window", False) else 0
    return _rotary(fields, name, qkv_bias=True, window=window)


def _qwen3(fields: Fields, name: str) -> Decoder:
    bias = fields.flag("attention_bias", False)
    window = fields.size("sliding_window", default=0, least=0) if fields.flag("use_sliding_window", False) else 0
    head = fields.size("head_dim", default=128)
    return _rotary(fields, name, qkv_bias=bias, output_bias=bias, head_norm=True, head_size=head, window=window)


def _qwen3_moe(fields: Fields, name: str) -> Decoder:
    fields.refuse(["mlp_only_layers"], "all layers must have experts")
    if fields.size("decoder_sparse_step", default=1) != 1:
        raise fields.fault("decoder_sparse_step", "all layers must have experts (1)")
    return replace(
        _qwen3(fields, name), hidden=fields.size("moe_intermediate_size"),
        experts=fields.size("num_experts", "num_local_experts", default=128, most=MOST_EXPERTS),
        active_experts=fields.size("num_experts_per_tok", default=8, most=MOST_ACTIVE_EXPERTS),
    )  # fmt: skip


def _gpt2(fields: Fields, name: str) -> Decoder:
    _check_language_model(fields)
    fields.refuse(["add_cross_attention"], "cross-attention is not modelled")
    width, positions = fields.size("n_embd", "hidden_size"), fields.size("n_positions", "n_ctx", default=1024)
    return Decoder(
        name, width, fields.size("n_layer", "num_hidden_layers", most=MOST_LAYERS),
        fields.size("n_head", "num_attention_heads"), fields.size("n_inner", default=4 * width, most=1 << 22),
        fields.size("vocab_size", most=MOST_VOCABULARY), positions, learned_positions=positions,
        activation=fields.choice("activation_function", allowed=ACTIVATIONS, default="gelu_new"), norm="layer_norm",
        gated=False, joined=True, qkv_bias=True, output_bias=True, hidden_bias=True,
        tied=fields.flag("tie_word_embeddings", True), number_format=_format(fields),
    )  # fmt: skip


def _opt(fields: Fields, name: str) -> Decoder:
    _check_language_model(fields)
    width, bias = fields.size("hidden_size"), fields.flag("enable_bias", True)
    positions, first = fields.size("max_position_embeddings", default=2048), fields.flag("do_layer_norm_before", True)
    embedding = fields.size("word_embed_proj_dim", default=width)
    return Decoder(
        name, width, fields.size("num_hidden_layers", most=MOST_LAYERS), fields.size("num_attention_heads"),
        fields.size("ffn_dim"), fields.size("vocab_size", most=MOST_VOCABULARY), positions,
        learned_positions=positions + 2,  # OPT's table starts two rows before the first token
        activation=fields.choice("activation_function", allowed=ACTIVATIONS, default="relu"), norm="layer_norm",
        gated=False, qkv_bias=bias, output_bias=bias, hidden_bias=bias, norm_first=first, final_norm=first,
        embedding_size=0 if embedding == width else embedding, tied=fields.flag("tie_word_embeddings", True),
        number_format=_format(fields),
    )  # fmt: skip


def _bert(fields: Fields, name: str) -> Encoder:
    fields.refuse(["is_decoder", "add_cross_attention"], "BERT is read as an encoder")
    architecture = (fields.names("architectures") or ["BertModel"])[0]
    head = "pooler"
    if architecture == "BertForMaskedLM":
        head = "masked_lm"
    elif architecture == "BertForSequenceClassification":
        head = "classifier"
    elif architecture != "BertModel":
        known = ("BertModel", "BertForMaskedLM", "BertForSequenceClassification")
        raise fields.fault("architectures", f"'{shortened(architecture)}' is not supported; use {', '.join(known)}")
    return Encoder(
        name, **_common(fields), vocabulary=fields.size("vocab_size", most=MOST_VOCABULARY),
        positions=fields.size("max_position_embeddings", default=512),
        token_types=fields.size("type_vocab_size", default=2, least=0),
        activation=fields.choice("hidden_act", allowed=ACTIVATIONS, default="gelu"), head=head,
        classes=_labels(fields) if head == "classifier" else 0,
    )  # fmt: skip


def _vit(fields: Fields, name: str) -> Encoder:
    image, patch = fields.size("image_size", default=224), fields.size("patch_size", default=16)
    if image % patch or image > 1 << 14:
        raise fields.fault("image_size", f"{image} is not a multiple of patch_size {patch}, at most {1 << 14}")
    architecture = (fields.names("architectures") or ["ViTForImageClassification"])[0]
    return Encoder(
        name, **_common(fields), image=image, patch=patch,
        channels=fields.size("num_channels", default=3, most=1 << 10),
        classes=_labels(fields) if architecture.endswith("ForImageClassification") else 0,
        activation=fields.choice("hidden_act", allowed=ACTIVATIONS, default="gelu"),
        qkv_bias=fields.flag("qkv_bias", True),
    )  # fmt: skip


def _labels(fields: Fields) -> int:
    """Return the classes of a classifier: the labels listed, their number, or Hugging Face's default of 2."""
    labels = fields.values.get("id2label")
    if labels is None:
        return fields.size("num_labels", default=2)
    if not isinstance(labels, dict) or not labels:
        raise fields.fault("id2label", "an object with a label for each class is needed")
    return len(labels)


#: Readers by ``model_type``.
READERS: dict[str, Callable[[Fields, str], Decoder | Encoder]] = {
    "llama": _llama, "mistral": _mistral, "mixtral": _mixtral, "qwen2": _qwen2, "qwen3": _qwen3,
    "qwen3_moe": _qwen3_moe, "gpt2": _gpt2, "opt": _opt, "bert": _bert, "vit": _vit,
}  # fmt: skip
