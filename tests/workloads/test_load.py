"""Are the built-in networks the published ones, and is an unknown name answered with the nearest?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from workloads.errors import CodesignError
from workloads.load import load_network, network_names
from workloads.network import WEIGHTS
from workloads.operators import attributes_of
from workloads.tracing import trace_network
from workloads.zoo.catalog import zoo_names

#: Multiply-accumulates of convolutions and GEMMs. ResNet-50 and VGG-19: their papers' 4.1 and 19.6 GMAC.
MACS = {
    "alexnet": 654_560_384, "densenet121": 2_834_161_664, "inception_v1": 1_431_556_352, "inception_v2": 2_018_851_840,
    "resnet50": 4_089_184_256, "shufflenet": 124_664_528, "squeezenet": 349_151_936, "vgg19": 19_632_062_464,
    "zfnet512": 1_481_727_008,
}  # fmt: skip


@pytest.mark.parametrize("name", MACS)
def test_built_in_networks_have_their_macs_and_no_invented_weights(name):
    network = load_network(f"onnx:{name}")
    assert (network.name, network.source, network.weights) == (name, f"onnx:{name}", "shapes only")
    assert network.weights in WEIGHTS
    for operator in network.operators:
        attributes_of(operator)
        if operator.kind in ("conv", "gemm"):
            assert network.tensors[operator.inputs[1]].data is None
    assert trace_network(network).macs == MACS[name]


def test_resnet50_and_vgg19_are_as_published():
    assert round(MACS["resnet50"] / 1e9, 2) == 4.09
    assert round(MACS["vgg19"] / 1e9, 1) == 19.6


def test_every_batch_norm_of_resnet50_folds_and_every_relu_fuses():
    trace = trace_network(load_network("onnx:resnet50"))
    functions = {layer.function for layer in trace.layers if layer.engine == "vector"}
    assert functions == {"max_pool", "average_pool", "add", "softmax"}
    assert sum("relu" in layer.fused for layer in trace.layers) == 49


def test_the_names_are_complete():
    assert network_names() == ["digits", *zoo_names(), *(f"onnx:{name}" for name in MACS)]


@pytest.mark.parametrize(("spec", "hint"), [
    ("onnx:resnet5", " (did you mean 'onnx:resnet50'?)"),
    ("resnet50", " (did you mean 'onnx:resnet50'?)"),
    ("digit", " (did you mean 'digits'?)"),
    ("model.pt", ""),
    ("", ""),
])  # fmt: skip
def test_an_unknown_name_lists_the_known(spec, hint):
    with pytest.raises(CodesignError) as fault:
        load_network(spec)
    assert str(fault.value) == (
        f"network '{spec}' is not known{hint}; use a file that ends in .onnx, .tflite, .csv, .json, "
        f"or one of {', '.join(network_names())}"
    )


def test_names_and_topologies_need_no_onnx():
    code = "import sys, workloads.load as l; l.network_names(); sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
