"""Is a layer's energy, foretold from tiles, that of the commands which the kernel issues, on every device?"""

from dataclasses import replace

import pytest

from simulators.machine_files import load_machine
from simulators.pim.devices import DEVICES
from simulators.pim.energy import attention_energy
from simulators.pim.run import run_attention
from simulators.pim.system.attention import Requests
from simulators.pim.system.energy import layer_energy
from simulators.pim.system.layer import Layer, LayerStage
from simulators.pim.system.model import system_of
from workloads.zoo.language_models import DECODERS

REQUESTS = Requests((300, 40, 700), (0, 1, 1))


@pytest.mark.parametrize("name", DEVICES)
def test_attention_costs_what_its_commands_cost(name):
    machine = load_machine("neupims", [f"pim.device={name}"])
    system = replace(system_of(machine, DECODERS["gpt2"]), device=replace(DEVICES[name], channels=2))
    ran = run_attention(system.device, system.block.shape, REQUESTS.lengths, REQUESTS.channel_of)
    cycles = system.npu.cycles(ran.clocks)
    layer = Layer((LayerStage("attention", cycles, 0, cycles, "PIM"),), False)
    issued, foretold = (found.parts_pj for found in (
        attention_energy(system.device, ran), layer_energy(system, layer, REQUESTS)))  # fmt: skip
    for part in ("compute_columns", "macs", "vectors", "results"):
        assert foretold[part] == pytest.approx(issued[part], rel=1e-9)
    assert foretold["rows"] == pytest.approx(issued["rows"], rel=0.05)
    assert foretold["reads"] == foretold["writes"] == 0
    assert foretold["refresh"] == pytest.approx(issued["refresh"], rel=0.35)  # a few fall due, and two ranks in turns
