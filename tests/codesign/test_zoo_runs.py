"""Does every kind of network of the zoo run on edge_npu, in both fidelities, all of its work on the machine?"""

from __future__ import annotations

import json

import pytest

import codesign as cd
from tests.workloads.importers.huggingface_configs import CONFIGS
from workloads.tracing import trace_network
from workloads.transforms.retype import retype
from workloads.zoo.catalog import zoo_names, zoo_network

SIZES = {"hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 4}
#: Published configurations made small, one of each architecture.
SMALL = {
    "Meta-Llama-3-8B": {**SIZES, "num_key_value_heads": 2, "vocab_size": 256},
    "Mistral-7B-v0.1": {**SIZES, "num_key_value_heads": 2, "vocab_size": 256},
    "Mixtral-8x7B-v0.1": {**SIZES, "num_key_value_heads": 2, "vocab_size": 256},
    "Qwen2-0.5B": {**SIZES, "num_key_value_heads": 2, "vocab_size": 256},
    "Qwen3-0.6B": {**SIZES, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 256},
    "gpt2": {"n_embd": 128, "n_layer": 3, "n_head": 4, "vocab_size": 256},
    "opt-350m": {**SIZES, "ffn_dim": 192, "word_embed_proj_dim": 64, "vocab_size": 256},
    "bert-base-uncased": {**SIZES, "vocab_size": 256},
    "vit-base-patch16-224": {**SIZES, "image_size": 64},
}


def file_of(name: str, folder) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**CONFIGS[name][0], **SMALL[name]}), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("phase", ["", "decode"])
def test_every_architecture_runs_whole_on_the_machine(name, phase, tmp_path):
    if phase and name.startswith(("bert", "vit")):
        pytest.skip("an encoder has no decode")
    given = {} if name.startswith("vit") else {"phase": phase, "context": 40}
    path = file_of(name, tmp_path)
    cycle, fast = (cd.run(path, "edge_npu", fidelity=fidelity, **given) for fidelity in ("cycle", "fast"))
    assert {row["where"] for row in cycle.layers} <= {"array", "vector", "dma", "view"}
    assert cycle.macs == fast.macs > 0
    assert cycle.dram_bytes == fast.dram_bytes
    assert abs(fast.cycles / cycle.cycles - 1) < 0.15


@pytest.mark.parametrize("name", ["resnet18", "mobilenet-v2", "efficientvit-b1", "deit-t"])
def test_image_networks_run_whole_on_the_machine(name):
    result = cd.run(name, "edge_npu")
    assert {row["where"] for row in result.layers} <= {"array", "vector", "dma", "view"}
    assert all(row["cycles"] > 0 for row in result.layers if row["where"] != "view")


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo_names())
def test_every_network_of_the_zoo_runs(name):
    result = cd.run(name, "edge_npu")
    assert {row["where"] for row in result.layers} <= {"array", "vector", "dma", "view"}
    assert result.macs == trace_network(retype(zoo_network(name))[0]).macs


def test_vector_work_costs_cycles_and_energy(tmp_path):
    result = cd.run(file_of("Meta-Llama-3-8B", tmp_path), "edge_npu", phase="decode", context=40)
    assert "tokens/s" in str(result)
    block = [row for row in result.layers if row["name"].startswith("block.1.")]
    kinds = {row["operator"] for row in block if row["where"] == "vector"}
    assert kinds == {"rms_norm", "rotary", "softmax", "add", "mul"}
    for row in block:
        if row["where"] == "vector":
            assert row["cycles"] > 0 and row["energy_by_component_pj"]["vector"] > 0


def test_equal_blocks_are_simulated_once(tmp_path, monkeypatch):
    from simulators.npu import simulate

    emitted = []
    emit = simulate.emit_program
    monkeypatch.setattr(simulate, "emit_program", lambda *args: emitted.append(1) or emit(*args))
    runs = {}
    for layers in (2, 24):
        path = tmp_path / f"{layers}.json"
        path.write_text(json.dumps({**CONFIGS["gpt2"][0], **SMALL["gpt2"], "n_layer": layers}), encoding="utf-8")
        emitted.clear()
        result = cd.run(path, "edge_npu", phase="decode", context=40)
        runs[layers] = len(emitted), sum(row["cycles"] for row in result.layers if row["name"].startswith("block."))
    assert runs[2][0] == runs[24][0]
    assert runs[24][1] == 12 * runs[2][1]


@pytest.mark.parametrize(("kv_format", "factor"), [("int8", 1), ("fp16", 2)])
def test_a_wider_cache_costs_its_bytes(kv_format, factor, tmp_path):
    path = file_of("Meta-Llama-3-8B", tmp_path)
    plain, other = (
        cd.run(path, "edge_npu", phase="decode", context=64, fidelity="fast", kv_format=kind)
        for kind in ("", kv_format)
    )
    rows = [row for row in other.layers if row["operator"] == "dequantize"]
    elements = 2 * 32 * 64  # key-value heads, elements of one, tokens
    if factor == 1:
        assert other.dram_bytes == plain.dram_bytes
        return
    assert [row["dram_read_bytes"] // elements for row in rows] == [factor] * 6
    assert [row["dram_write_bytes"] for row in rows] == [elements] * 6
    assert any("packed and unpacked by the vector unit" in note for note in other.notes)


@pytest.mark.parametrize(("network", "given", "message"), [
    ("resnet18", {"phase": "decode"}, "resnet18: phase: only language models have phases"),
    ("digits", {"context": 4}, "digits: context: only language models by name or config.json have phases"),
    ("bert-base", {"kv_format": "int8"}, "bert-base: an encoder has no decode and no key-value cache"),
    ("gpt2", {"dimensions": {"N": 1}}, "gpt2: has no symbolic dimensions to bind"),
    ("gpt2", {"context": 2048}, "gpt2: context = 2048 is more than the model's 1024 positions"),
])  # fmt: skip
def test_an_option_without_a_use_is_refused(network, given, message):
    with pytest.raises(cd.CodesignError) as fault:
        cd.run(network, "edge_npu", **given)
    assert str(fault.value) == message
