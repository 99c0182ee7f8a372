"""Does Llama-2-7B move the bytes and do the operations of LLM-Viewer's roofline, but for the differences named here?

LLM-Viewer (unfused attention; formats of weights, activations and cache of 4 to 16 bits; batch and length vary).
Where it differs from the definition, ours stands in `EXPLAINED` with the reason.
"""

from __future__ import annotations

import csv
import functools

import pytest

from tests.shared_data import shared_path
from workloads.phase import Phase
from workloads.trace import Layer
from workloads.tracing import trace_network
from workloads.zoo.catalog import zoo_network

LAYERS = {
    "q_proj": "attention.query", "k_proj": "attention.key", "v_proj": "attention.value",
    "out_proj": "attention.output", "gate_proj": "mlp.gate", "up_proj": "mlp.up", "down_proj": "mlp.down",
    "qk_matmul": "attention.scores", "sv_matmul": "attention.mixed", "softmax": "attention.softmax",
    "attn_norm": "attention_norm", "mlp_norm": "mlp_norm", "attn_add": "attention_add", "mlp_add": "mlp_add",
}  # fmt: skip
#: Operations an element that LLM-Viewer gives the vector functions; ours are the machine's passes, so only the
#: elements are compared.
OPERATIONS = {"softmax": 5, "rms_norm": 7, "add": 1}
FIGURES = ("OPs", "load_weight", "load_act", "store_act", "load_kv_cache", "store_kv_cache")
#: Ours over theirs, by layer and figure: a factor, or the column of the row that it is.
EXPLAINED = {
    ("attn_add", "load_act"): (2, "a residual reads two operands; LLM-Viewer counts one"),
    ("mlp_add", "load_act"): (2, "as attn_add"),
    ("lm_head", "OPs"): (2, "two operations a MAC, as everywhere else; LLM-Viewer counts one"),
    ("lm_head", "load_act"): ("batch", "each sequence has its token; LLM-Viewer counts those of one"),
    ("lm_head", "store_act"): ("batch", "as load_act"),
}


@functools.lru_cache
def trace_of(stage: str, length: int, batch: int):
    network = zoo_network("llama2-7b", Phase(stage, length))
    return network, {layer.name: layer for layer in trace_network(network, batch).layers}


def figures(row: dict[str, str]) -> dict[str, float]:
    """Return ours of one row: operations and bytes of a layer."""
    batch, length = int(row["batch"]), int(row["seqlen"])
    weight, activation, cache = (int(row[f"{part}_bit"]) / 8 for part in ("w", "a", "kv"))
    network, layers = trace_of(row["stage"], length, batch)
    layer: Layer = layers["head" if row["layer"] == "lm_head" else f"block.0.{LAYERS[row['layer']]}"]
    operator = next(one for one in network.operators if one.name == layer.name)
    inputs = [network.tensors[name] for name in operator.inputs]
    output = network.tensors[operator.outputs[0]].elements * batch
    products = row["layer"] in ("qk_matmul", "sv_matmul")
    stored = row["layer"] in ("k_proj", "v_proj")
    streams = [tensor for tensor in inputs if not tensor.constant]
    operations = 2 * layer.macs if layer.engine == "matrix" else OPERATIONS[layer.operator] * output
    return {
        "OPs": operations,
        "load_weight": sum(t.elements for t in inputs if t.constant) * weight if layer.engine == "matrix" else 0,
        "load_act": sum(t.elements for t in streams[: 1 if products else None]) * batch * activation,
        "store_act": 0 if stored else output * activation,
        "load_kv_cache": streams[1].elements * batch * cache if products else 0,
        "store_kv_cache": output * cache if stored else 0,
    }


@pytest.mark.parametrize("stage", ["prefill", "decode"])
def test_each_layer(stage):
    seen, differences = 0, {}
    with open(shared_path("seeds/llmviewer_llama2_7b_layers.csv"), encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["flash"] == "0" and row["stage"] == stage]
    for row in rows:
        if row["layer"] == "mlp_act":  # SiLU and the gate's product: ours are in mlp.gate and mlp.gated
            continue
        ours = figures(row)
        for figure in FIGURES:
            factor, _ = EXPLAINED.get((row["layer"], figure), (1, ""))
            factor = int(row[factor]) if isinstance(factor, str) else factor
            if ours[figure] != factor * float(row[figure]):
                differences.setdefault((row["layer"], figure), []).append(
                    (row["batch"], row["seqlen"], ours[figure], row[figure])
                )
            seen += 1
    assert differences == {}, {key: found[:4] for key, found in differences.items()}
    assert seen > 500


def test_the_gates_product_has_the_width_of_the_feed_forward_layer():
    """LLM-Viewer takes the model's width, 4096, for it: 11008 / 4096 of its bytes are ours."""
    with open(shared_path("seeds/llmviewer_llama2_7b_layers.csv"), encoding="utf-8", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["layer"] == "mlp_act" and row["stage"] == "decode")
    _, layers = trace_of("decode", int(row["seqlen"]), int(row["batch"]))
    gated = layers["block.0.mlp.gated"]
    size = int(row["a_bit"]) / 8 * int(row["batch"])
    assert gated.window.in_c * gated.operands * size == float(row["load_act"]) * 11008 / 4096
    assert layers["block.0.mlp.gate"].fused == ("silu",)
