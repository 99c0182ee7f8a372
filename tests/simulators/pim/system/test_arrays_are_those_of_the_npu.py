"""Do the arrays beside PIM take the cycles of the NPU's simulator, operands on chip, one array?"""

import numpy as np
import pytest

from simulators.machine_files import load_machine
from simulators.npu.simulate import simulate
from simulators.pim.system.arrays import Arrays, compute_clocks, parts_of
from simulators.pim.system.block import Product
from workloads.load import load_network
from workloads.tracing import trace_network

HEADER = "Layer, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize(("tokens", "depth", "width"), [(32, 128, 256), (8, 64, 96), (32, 32, 32), (64, 128, 64)])
def test_a_product_takes_the_cycles_of_the_npu(tmp_path, tokens, depth, width, shadow):
    topology = tmp_path / "product.csv"
    topology.write_text(f"{HEADER}p, {tokens}, 1, 1, 1, {depth}, {width}, 1,\n")
    machine = load_machine(
        "scalesim_32x32_is", ["array.fold_overlap=true", f"array.shadow_weights={str(shadow).lower()}"]
    )
    ran = simulate(trace_network(load_network(str(topology)), 1), machine, fidelity="cycle")
    sizes, passes = parts_of(Arrays(32, 32, 1, 1 << 20, shadow), Product("p", depth, width), tokens)
    ours = compute_clocks(Arrays(32, 32, 1, 1 << 20, shadow), np.zeros(len(sizes), np.int64), passes)
    assert ours == sum(layer.cycles for layer in ran.layers)
