"""Does a config.json become the network it describes: parameters, MACs, cache and phases?"""

from __future__ import annotations

import json
import math

import pytest

from tests.workloads.importers.huggingface_configs import CONFIGS
from workloads.importers.huggingface import import_huggingface, network_from_config
from workloads.network import Network
from workloads.phase import Phase
from workloads.tracing import trace_network
from workloads.transforms.retype import retype
from workloads.zoo.builder import parameter_count
from workloads.zoo.catalog import zoo_network

LLAMA = CONFIGS["Llama-2-7b-hf"][0]


def small(**changes) -> dict:
    """Return a Llama of two layers."""
    return {
        **LLAMA, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 8,
        "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 64, **changes,
    }  # fmt: skip


def network(config: dict, **phase) -> Network:
    return network_from_config(config, "model.json", Phase(**phase))


def macs(config: dict, batch: int = 1, **phase) -> int:
    return trace_network(network(config, **phase), batch).macs


@pytest.mark.parametrize("name", CONFIGS)
def test_parameters_are_those_published(name, tmp_path):
    config, parameters = CONFIGS[name]
    folder = tmp_path / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = import_huggingface(folder / "config.json")
    assert parameter_count(found) == parameters
    assert found.name == name
    assert found.weights == "shapes only"


@pytest.mark.parametrize(("file", "name"), [
    ("Llama-2-7b-hf", "llama2-7b"), ("Meta-Llama-3-8B", "llama3-8b"), ("Mixtral-8x7B-v0.1", "mixtral-8x7b"),
    ("gpt2", "gpt2"), ("opt-125m", "opt-125m"), ("vit-base-patch16-224", "vit-b"),
])  # fmt: skip
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_a_name_and_its_configuration_are_the_same_network(file, name, phase):
    given = Phase(phase, 100) if name != "vit-b" else Phase()
    ours, theirs = zoo_network(name, given), network_from_config(CONFIGS[file][0], "x", given)
    assert ours.operators == theirs.operators
    assert {k: (t.shape, t.constant) for k, t in ours.tensors.items()} == {
        k: (t.shape, t.constant) for k, t in theirs.tensors.items()
    }


def test_decode_of_every_sequence_of_a_batch_has_the_macs_of_one():
    assert macs(LLAMA, 8, name="decode", context=2048) == 8 * macs(LLAMA, name="decode", context=2048)


def test_macs_of_decode_are_those_of_the_definition():
    """A MAC a weight that a token meets, and two a cached element for each query head of its group."""
    context, width, hidden = 40, 64, 96
    weights = 2 * (2 * width * width + 2 * width * width // 4 + 3 * width * hidden) + 100 * width
    assert macs(small(), name="decode", context=context) == weights + 2 * 2 * context * width


def test_prefill_computes_the_logits_of_one_token_only():
    longer, shorter = (macs(small(), context=context) for context in (40, 20))
    bigger = macs(small(vocab_size=200), context=40)
    assert bigger - longer == 100 * 64
    assert longer > 2 * (shorter - 100 * 64)  # attention grows with the square


def test_grouped_heads_shrink_the_cache_and_read_it_once():
    trace = trace_network(network(small(), name="decode", context=40))
    scores = next(layer for layer in trace.layers if layer.name == "block.0.attention.scores")
    assert (scores.repeat, scores.window.gemm) == (2, (4, 8, 40))
    caches = [name for name in trace.inputs if name.endswith(".cache")]
    assert len(caches) == 4
    assert {trace.shapes[name] for name in caches} == {(2, 8, 39), (2, 39, 8)}


def test_tied_embeddings_are_one_tensor_used_twice():
    tied, apart = network(small(tie_word_embeddings=True)), network(small())
    assert parameter_count(apart) - parameter_count(tied) == 100 * 64
    assert trace_network(tied).macs == trace_network(apart).macs


@pytest.mark.parametrize(("kv_format", "reads", "writes"), [("int4", 0.5, 1), ("fp16", 2, 1), ("int8", 0, 0)])
def test_a_cache_of_another_width_is_converted(kv_format, reads, writes):
    config = small(head_dim=16)
    typed, _ = retype(network(config, name="decode", context=32, kv_format=kv_format))
    assert typed.tensors["block.0.attention.key.cache"].format.name == kv_format
    layer = next(layer for layer in trace_network(typed).layers if layer.name == "block.0.attention.key.from_cache")
    w, elements = layer.window, 2 * 16 * 32
    if kv_format == "int8":
        assert layer.engine == "view"
        return
    assert layer.engine == "vector"
    assert w.batch * w.in_h * w.in_w * w.in_c * layer.operands == reads * elements
    assert w.batch * w.out_h * w.out_w * w.out_c == writes * elements


@pytest.mark.parametrize(("kv_format", "engine", "operands"), [("int4", "view", 1), ("int8", "vector", 2)])
def test_a_cache_is_unpacked_to_what_the_array_takes_as_weights(kv_format, engine, operands):
    typed, _ = retype(network(small(), name="decode", context=32, kv_format=kv_format), "int8", "int4")
    layer = next(layer for layer in trace_network(typed).layers if layer.name == "block.0.attention.value.from_cache")
    assert (layer.engine, layer.operands) == (engine, operands)


def test_the_cache_keeps_its_format_where_the_rest_is_retyped():
    typed, _ = retype(network(small(), name="decode", context=8, kv_format="bf16"))
    kinds = {tensor.format.name for name, tensor in typed.tensors.items() if "cache" not in name and "key" not in name}
    assert "bf16" in {typed.tensors[name].format.name for name in typed.inputs}
    assert "fp16" not in kinds


def test_a_window_bounds_what_decode_attends_to():
    config = {**small(), "model_type": "mistral", "sliding_window": 16}
    assert macs(config, name="decode", context=60) == macs(config, name="decode", context=16)
    assert macs(config, name="decode", context=10) < macs(config, name="decode", context=16)


@pytest.mark.parametrize(("tokens", "batch"), [(1, 1), (1, 3), (1, 8), (5, 1), (7, 3)])
def test_experts_share_the_tokens_evenly(tokens, batch):
    config = {**small(), "model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}
    phase = {"name": "decode", "context": 8} if tokens == 1 else {"context": tokens}
    trace = trace_network(network(config, **phase), batch)
    layers = [layer for layer in trace.layers if layer.name.startswith("block.0.mlp.up")]
    assignments = 2 * tokens * batch
    assert sum(layer.repeat for layer in layers) == min(8, assignments)
    assert sum(layer.repeat * layer.window.out_h for layer in layers) == assignments
    assert sum(layer.macs for layer in layers) == assignments * 64 * 96
    counts = [layer.window.out_h for layer in layers]
    assert max(counts) - min(counts) <= 1


def test_every_output_shape_fits_its_readers():
    """Elements of an operator's output follow from its inputs wherever a kind keeps or moves them."""
    for config in (small(), {**small(), "model_type": "qwen3", "head_dim": 16}, CONFIGS["opt-350m"][0]):
        for phase in ("prefill", "decode"):
            made = network(config, name=phase, context=20)
            for operator in made.operators:
                shapes = [made.tensors[name].shape for name in (*operator.inputs, *operator.outputs)]
                if operator.kind in ("split_heads", "merge_heads", "reshape"):
                    assert math.prod(shapes[0]) == math.prod(shapes[-1])
                if operator.kind in ("add", "mul", "rotary", "softmax", "rms_norm"):
                    assert shapes[0] == shapes[-1]
