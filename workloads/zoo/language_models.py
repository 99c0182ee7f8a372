"""Language models by name, each from its published configuration (sources: tests/data/README.md)."""

from __future__ import annotations

from typing import Any

from workloads.zoo.encoder import Encoder
from workloads.zoo.transformer import Decoder

_GPT: dict[str, Any] = {
    "activation": "gelu", "norm": "layer_norm", "gated": False, "joined": True, "qkv_bias": True, "output_bias": True,
    "hidden_bias": True, "tied": True,
}  # fmt: skip


def _gpt(name: str, width: int, layers: int, heads: int, vocabulary: int, positions: int) -> Decoder:
    return Decoder(
        name, width, layers, heads, 4 * width, vocabulary, positions, learned_positions=positions, **_GPT
    )  # fmt: skip


def _opt(name: str, width: int, layers: int, heads: int) -> Decoder:
    given = {**_GPT, "activation": "relu", "joined": False}
    return Decoder(name, width, layers, heads, 4 * width, 50272, 2048, learned_positions=2050, **given)


_MODELS = (
    _gpt("gpt2", 768, 12, 12, 50257, 1024),
    # As the NeuPIMs simulator has them (vocabulary 50304); its files simulate one block, the number of blocks is
    # that of the GPT-3 paper's table 2.1 (6.7B, 13B, 175B) and of OPT-30B, which has the same width and heads.
    _gpt("gpt3-7b", 4096, 32, 32, 50304, 2048),
    _gpt("gpt3-13b", 5120, 40, 40, 50304, 2048),
    _gpt("gpt3-30b", 7168, 48, 56, 50304, 2048),
    _gpt("gpt3-175b", 12288, 96, 96, 50304, 2048),
    _opt("opt-125m", 768, 12, 12),
    _opt("opt-6.7b", 4096, 32, 32),
    Decoder("llama2-7b", 4096, 32, 32, 11008, 32000, 4096),
    Decoder("llama3-8b", 4096, 32, 32, 14336, 128256, 8192, kv_heads=8, number_format="bf16"),
    Decoder(
        "mixtral-8x7b", 4096, 32, 32, 14336, 32000, 32768, kv_heads=8, experts=8, active_experts=2, number_format="bf16"
    ),
)

#: Decoders by name.
DECODERS = {model.name: model for model in _MODELS}
#: BERT by name.
BERTS = {
    "bert-base": Encoder("bert-base", 768, 12, 12, 3072, vocabulary=30522, positions=512, token_types=2),
    "bert-large": Encoder("bert-large", 1024, 24, 16, 4096, vocabulary=30522, positions=512, token_types=2),
}
#: ViT and DeiT by name; ViT-S is DeiT-S's shape under another training.
VISION_TRANSFORMERS = {
    name: Encoder(name, width, 12, heads, 4 * width, image=224, patch=16, classes=1000)
    for name, width, heads in (
        ("vit-s", 384, 6), ("vit-b", 768, 12), ("deit-t", 192, 3), ("deit-s", 384, 6), ("deit-b", 768, 12),
    )
}  # fmt: skip
