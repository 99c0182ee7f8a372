"""Is energy counts x costs, exactly, and does every cost tell?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesign.costs.actions import COMPONENTS, action_costs
from codesign.costs.energy import action_vector, energy
from simulators.activity import COUNTERS, MEMORY_COUNTERS
from tests.codesign.costs.cost_machines import machine
from workloads.errors import CodesignError

MACHINES = {
    "ws": machine(),
    "is": machine(
        array={"dataflow": "is", "convolution": "im2col"}, technology={"node_nm": 22, "sram_cell": "itrs-lstp"}
    ),
    "os": machine(array={"dataflow": "os"}, technology={"node_nm": 16, "arithmetic": "aladdin_40nm"}),
    "no vector unit": machine(vector=None, technology={"node_nm": 7, "scaling": "jouppi_2021"}),
    "float": machine(
        array={"pe": {"activation": "bf16", "weight": "fp8_e4m3", "accumulator": "fp32"}}, technology={"supply_v": 0.8}
    ),
}
COSTS = {name: action_costs(described) for name, described in MACHINES.items()}
counts_of = st.dictionaries(st.sampled_from(COUNTERS), st.integers(0, 10**12))
each_machine = pytest.mark.parametrize("name", MACHINES)


@each_machine
@given(counts=counts_of)
def test_energy_is_counts_times_costs_exactly(name, counts):
    report = energy(MACHINES[name], counts, COSTS[name])
    total = 0.0
    for component in COMPONENTS:
        expected = 0.0
        for cost in COSTS[name]:
            if cost.component == component:
                expected += counts.get(cost.counter, 0) * cost.pj
        assert report.by_component[component] == expected
        total += expected
    assert report.total_pj == total
    assert [row["energy_pj"] for row in report.rows()] == [counts.get(c.counter, 0) * c.pj for c in COSTS[name]]


@each_machine
@given(first=counts_of, second=counts_of, factor=st.integers(0, 1000))
def test_energy_is_linear(name, first, second, factor):
    def total(counts):
        return energy(MACHINES[name], counts, COSTS[name]).total_pj

    both = {key: first.get(key, 0) + factor * second.get(key, 0) for key in COUNTERS}
    assert total(both) == pytest.approx(total(first) + factor * total(second), rel=1e-12)


@each_machine
def test_the_order_of_counts_does_not_matter(name):
    counts = {counter: 7 * i + 1 for i, counter in enumerate(COUNTERS)}
    backwards = dict(reversed(list(counts.items())))
    assert energy(MACHINES[name], counts) == energy(MACHINES[name], backwards)


@each_machine
def test_nothing_done_costs_nothing_and_idle_cycles_only_clock_and_leakage(name):
    assert energy(MACHINES[name], {}).total_pj == 0
    idle = energy(MACHINES[name], {"cycles": 1000}).by_component
    assert {component for component, pj in idle.items() if pj} == {"clock", "leakage"}


@each_machine
def test_no_dead_cost(name):
    """Every cost changes the total, its component and only what shares its counter."""
    for cost in COSTS[name]:
        report = energy(MACHINES[name], {cost.counter: 1}, COSTS[name])
        assert cost.pj > 0 and cost.raw_pj > 0 and report.by_component[cost.component] >= cost.pj
        assert report.status in ("published", "scaled", "assumed")


@each_machine
def test_the_vector_of_the_mapper_prices_like_the_report(name):
    vector = action_vector(MACHINES[name])
    assert tuple(vector) == COUNTERS
    counts = {counter: 3 * i + 2 for i, counter in enumerate(COUNTERS)}
    assert sum(counts[c] * vector[c] for c in COUNTERS) == pytest.approx(energy(MACHINES[name], counts).total_pj)


def test_counters_with_work_have_a_cost():
    """Waits and sizes of tiles cost nothing by themselves; all that moves or computes does."""
    free = {"mapped_pes", "folds", "drain_cycles", "sequencer_wait"} | {c for c in COUNTERS if "_wait_" in c}
    assert {c for c, pj in action_vector(machine()).items() if pj == 0} == free
    assert action_vector(machine(array={"dataflow": "os"}))["drain_cycles"] > 0
    assert action_vector(machine(array={"dataflow": "os", "os_drain": "parallel"}))["drain_cycles"] == 0


def test_raw_energy_leaves_the_calibration_out():
    counts = {"scratchpad_read_elements": 100, "macs": 100}
    report = energy(machine(technology={"sram_energy_factor": 2.0}), counts)
    assert report.raw_by_component["scratchpad"] == report.by_component["scratchpad"] / 2
    assert report.raw_by_component["array"] == report.by_component["array"]


def test_an_element_costs_its_share_of_a_word():
    """8 rows of int8 share one access of 64 bits; 16 rows one of 128."""
    from codesign.costs.sram import sram

    costs = {(c.component, c.action): c for c in COSTS["ws"]}
    assert costs["scratchpad", "read by the array"].raw_pj == pytest.approx(sram(32768, 64, 45, banks=2).read_pj / 8)
    assert costs["accumulator", "write"].raw_pj == pytest.approx(sram(8192, 256, 45, ports="1r1w").write_pj / 8)
    assert costs["dram", "read of a byte"].pj == 8 * 8 and costs["dram", "read of a byte"].node_nm is None


@pytest.mark.parametrize(
    "change",
    [
        {"clock_hz": 250_000_000},
        {"technology": {"node_nm": 28}},
        {"technology": {"supply_v": 1.0}},
        {"technology": {"arithmetic": "aladdin_40nm"}},
        {"technology": {"sram_cell": "itrs-lstp"}},
        {"technology": {"sram_energy_factor": 1.0}},
        {"technology": {"node_nm": 22, "scaling": "jouppi_2021"}},
        {"memory": {"technology": "DDR3"}},
        {"array": {"shadow_weights": False}},
        {"array": {"pe": {"latency_cycles": 2}}},
        {"scratchpad": {"double_buffered": False, "banks": 1}},
        {"scratchpad": {"banks": 4}},
        {"queues": {"token_bits": 8}},
    ],
)
def test_fields_of_the_machine_tell(change):
    counts = dict.fromkeys(COUNTERS, 1000)
    assert energy(machine(**change), counts).total_pj != energy(machine(), counts).total_pj


def test_leakage_is_power_over_clock():
    slow, fast = (energy(machine(clock_hz=hz), {"cycles": 1}).by_component["leakage"] for hz in (10**8, 10**9))
    assert slow == pytest.approx(10 * fast)


def test_an_unknown_counter():
    names = sorted((*COUNTERS, *MEMORY_COUNTERS))
    with pytest.raises(CodesignError) as error:
        energy(machine(), {"mac": 1})
    assert (
        str(error.value)
        == f"counts: 'mac' is not a counter; use {', '.join(names[:-1])} or {names[-1]} (did you mean 'macs'?)"
    )
