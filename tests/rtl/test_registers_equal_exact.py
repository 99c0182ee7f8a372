"""Does every register of the whole NPU hold after every cycle what `exact` holds, and is the first difference named?

``pytest -s`` prints the machines, their seeds and how many registers and cycles were compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from rtl.check_registers import compare_registers
from rtl.design import Design
from rtl.mutations.trial import AlteredDesign
from rtl.random_programs import ENTRIES, random_program
from simulators.machine import Machine
from simulators.npu.checker import check_program
from simulators.program import PARAMETER_WORDS
from tests.rtl.bench.test_tiny_machines_on_four_states import tiny_machine
from tests.rtl.cases import with_rtl
from tests.simulators.npu.machines import random_array, random_machine

PROGRAMS = range(6)
MACHINES = [(0, "ws"), (1, "os"), (3, "ws"), (4, "os")]


def machine_4x4(seed: int, dataflow: str) -> Machine:
    """Return a random machine of 4 x 4 PEs; 3 has shadow weights and 4 im2col, unlike 0 and 1."""
    rng = np.random.default_rng((seed, 4))
    array = with_rtl(random_array(rng)).model_copy(update={"rows": 4, "cols": 4, "dataflow": dataflow})
    elements = {
        "scratchpad": 700, "weight_buffer": 280, "accumulator": 24, "parameter_buffer": ENTRIES * PARAMETER_WORDS,
    }  # fmt: skip
    return random_machine(rng, array, elements)


@pytest.mark.parametrize(("seed", "dataflow"), MACHINES)
def test_registers_agree_after_every_cycle(seed, dataflow):
    machine = machine_4x4(seed, dataflow)
    design, cycles, stalled = Design.of(machine, probe=True), 0, 0
    for program in PROGRAMS:
        case = random_program(machine, program)
        check_program(machine, case.program)
        compared = compare_registers(design, machine, case.program, case.dram, case.stalls)
        assert not compared.lines, "\n".join((f"program {program}", *compared.lines))
        cycles += compared.rtl.cycles
        stalled += case.stalls is not None
    array = machine.array
    shadow = "shadow weights" if array.shadow_weights else "no shadow"
    print(
        f"machine {seed}: 4x4 {dataflow} {shadow} {array.convolution}, programs {PROGRAMS[0]} to {PROGRAMS[-1]} "
        f"({stalled} with stalls): {len(design.probe_fields)} registers after each of {cycles:,} cycles compared"
    )


def test_the_machines_differ():
    arrays = [machine_4x4(*chosen).array for chosen in MACHINES]
    assert {a.shadow_weights for a in arrays if a.dataflow == "ws"} == {True, False}
    assert {a.convolution for a in arrays if a.dataflow == "os"} == {"shifted", "im2col"}
    assert len({a.pe.latency_cycles for a in arrays}) > 1


def _doubled_tokens(verilog: str) -> str:
    """Every token that the load engine gives counts twice."""
    return re.sub(r"(load_to_\w+) <= (\S+ \[\d:0\]);", r"\1 <= \2 + (\2 > \1);", verilog)


def _wrong_sums(verilog: str) -> str:
    """The lowest bit of every sum is written inverted."""
    head, macro = verilog.split("module codesign_memory_probe")
    return f"{head}module codesign_memory_probe{macro.replace('<= write_data', '<= 1 ^ write_data', 1)}"


FAULTS = [
    (_doubled_tokens, r"after cycle \d+: tokens\.\d+ is 2 in RTL, 1 in the simulator", False),
    (_wrong_sums, r"after cycle \d+: accumulator\.0\.0 is -?\d+ in RTL, -?\d+ in the simulator", True),
]


@pytest.mark.parametrize(("change", "line", "with_waves"), FAULTS, ids=("tokens", "sums"))
def test_a_fault_is_named(change: Callable[[str], str], line: str, with_waves: bool, tmp_path):
    machine = tiny_machine(2, "ws")
    original = Design.of(machine, probe=True)
    verilog = change(original.verilog)
    assert verilog != original.verilog
    broken = AlteredDesign(original, verilog, probe=True)
    case, waves = random_program(machine, 0), tmp_path / "out.vcd"
    compared = compare_registers(
        broken, machine, case.program, case.dram, case.stalls, str(waves) if with_waves else ""
    )  # fmt: skip
    print("\n".join(compared.lines))
    assert re.match(line, compared.lines[0])
    assert f"cycle {compared.cycle}:" in compared.lines[0]
    if with_waves:
        assert compared.lines[-1].startswith(f"{waves}: cycles ")
        times = [int(line[1:]) for line in waves.read_text().splitlines() if line.startswith("#")]
        assert times[0] <= 10 * compared.cycle <= times[-1] <= 10 * (compared.cycle + 21)
