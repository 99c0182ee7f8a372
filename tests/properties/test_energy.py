"""Is energy exactly counts times costs, and the same in every fidelity?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from codesign.costs.actions import COMPONENTS, action_costs, layer_costs
from codesign.costs.energy import action_vector, energy
from codesign.runner import prepare
from simulators.activity import COUNTERS, as_dict
from simulators.npu.counts import count_program, new_counts
from simulators.npu.planner import compile_for
from simulators.npu.simulate import simulate
from simulators.program import as_table
from tests.properties.strategies import cases
from workloads.zoo.digits import load_test_images

#: What depends on time: no program decides it alone.
TIMED = {"cycles", *(name for name in COUNTERS if "_wait" in name)}


@settings(max_examples=20)
@given(cases)
def test_energy_is_counts_times_costs(case):
    counts, costs = as_dict(case.cycle.counts), action_costs(case.machine)
    spent = energy(case.machine, counts)
    parts = dict.fromkeys(COMPONENTS, 0.0)
    for cost in costs:
        parts[cost.component] += counts[cost.counter] * cost.pj
    assert spent.by_component == parts
    assert spent.total_pj == sum(parts.values())
    weighed = sum(counts[name] * pj for name, pj in action_vector(case.machine).items())
    assert spent.total_pj == pytest.approx(weighed, rel=1e-12)


@given(cases)
def test_program_alone_decides_every_counter_but_the_timed_ones(case):
    compiled, counts = compile_for(case.machine), new_counts()
    count_program(compiled.config, compiled.functions, as_table(case.program), counts)
    decided, cycle = as_dict(counts), as_dict(case.cycle.counts)
    assert {k: v for k, v in decided.items() if k not in TIMED} == {k: v for k, v in cycle.items() if k not in TIMED}


@pytest.mark.parametrize("profile", ["synthesized", "horowitz_45nm"])
def test_fidelities_count_the_same_actions(profile):
    ready = prepare("digits", "small_npu_8x8", (f"technology.arithmetic={profile}",))
    image = load_test_images()[0][:1].astype(np.int8)
    runs = {f: simulate(ready.trace, ready.machine, f, inputs={"image": image}) for f in ("exact", "cycle", "fast")}
    seen = set()
    for exact, cycle, fast in zip(*(run.layers for run in runs.values()), strict=True):
        activity = exact.layer.activity if exact.layer.engine == "matrix" else None
        assert exact.layer.activity == cycle.layer.activity == fast.layer.activity
        costs = layer_costs(ready.machine, action_costs(ready.machine), activity)
        seen.add(next(cost.pj for cost in costs if cost.counter == "macs"))
        timed = [cost for cost in costs if cost.counter in TIMED]
        assert {cost.counter for cost in timed} == {"cycles"}
        np.testing.assert_array_equal(exact.counts, cycle.counts)
        slow, quick = as_dict(cycle.counts), as_dict(fast.counts)
        dynamic = [cost for cost in costs if cost.counter not in TIMED]
        spent = [energy(ready.machine, counts, dynamic).by_component for counts in (slow, quick)]
        assert spent[0] == spent[1]
        whole = [energy(ready.machine, counts, costs).total_pj for counts in (slow, quick)]
        per_cycle = sum(cost.pj for cost in timed)
        assert whole[0] - whole[1] == pytest.approx(per_cycle * (slow["cycles"] - quick["cycles"]), rel=1e-6, abs=1e-3)
    assert len(seen) > 1 if profile == "synthesized" else len(seen) == 1, "a layer's activity decides what a MAC costs"
