"""Does a larger buffer never raise the cost that the mapper chooses, and does it choose the least there is?"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.npu.fast import CYCLES, estimate
from simulators.npu.mapper import candidates, choose, places, tiling_of
from simulators.npu.planner import BUFFERS, compile_for, plan_layer
from tests.properties.strategies import arrays, layers, machine_with
from workloads.errors import CodesignError


def chosen_cycles(machine, layer) -> float:
    """Return the estimated cycles of the mapper's choice, infinite where nothing fits."""
    compiled = compile_for(machine)
    try:
        plan = choose(compiled, layer)
    except CodesignError:
        return np.inf
    return int(estimate(compiled.config, compiled.functions, plan.g, plan.codes)[CYCLES])


@settings(max_examples=80)
@given(arrays("ws", "os", "is"), layers(), st.sampled_from(BUFFERS), st.integers(0, 3), st.integers(1, 6), st.data())
def test_larger_buffer_never_raises_the_chosen_cost(array, layer, name, shift, factor, data):
    size = {"scratchpad": 512, "weight_buffer": 512, "accumulator": 2048, "parameter_buffer": 256}
    doubled = {f"{buffer}__double_buffered": data.draw(st.booleans()) for buffer in BUFFERS}
    costs = []
    for times in (1, factor, 3 * factor):
        sizes = {f"{b}__size_bytes": (s << shift) * (times if b == name else 1) for b, s in size.items()}
        costs.append(chosen_cycles(machine_with(**array, **sizes, **doubled), layer))
    assert costs == sorted(costs, reverse=True)


@settings(max_examples=25)
@given(arrays("ws", "os", "is"), layers())
def test_choice_is_the_least_of_all_candidates(array, layer):
    machine = machine_with(**array, scratchpad__size_bytes=2048, weight_buffer__size_bytes=1024)
    compiled, least = compile_for(machine), np.inf
    for where, packed in places(compiled, layer):
        for row in candidates(compiled, layer, where, packed):
            plan = plan_layer(compiled, layer, tiling_of(row, where, packed))
            if not isinstance(plan, str):
                totals = estimate(compiled.config, compiled.functions, plan.g, plan.codes)
                least = min(least, int(totals[CYCLES]))
    assert chosen_cycles(machine, layer) == least
