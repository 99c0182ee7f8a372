"""Does the mapper take the cheapest tiling, say why nothing fits, and keep a pinned one as it is?"""

import pytest

from codesign.costs.energy import action_vector
from simulators.activity import INDEX
from simulators.machine_files import load_machine
from simulators.npu.counts import count_program, new_counts
from simulators.npu.fast import CYCLES, LOAD_BYTES, LOADED, SUM_READS, SUM_WRITES, WEIGHTS_LOADED, estimate
from simulators.npu.mapper import COUNTER_OF_TOTAL, candidates, choose, halvings, places, tiling_of
from simulators.npu.plan import Tiling
from simulators.npu.planner import compile_for, emit_program, plan_layer
from simulators.npu.simulate import choose_mapping, simulate
from simulators.program import as_table
from tests.simulators.npu.kernel_results import LAYERS, MACHINES
from workloads.errors import CodesignError
from workloads.load import load_network
from workloads.trace import Layer, Trace, Window
from workloads.tracing import trace_network

CONV = Layer("conv", "conv", "matrix", Window(1, 14, 14, 20, 14, 14, 24, 3, 3, 1, 1, 1, 1, 1, 1), outputs=("y",))
SMALL = load_machine("small_npu_8x8")


def small(*overrides):
    return compile_for(load_machine("small_npu_8x8", overrides))


def trace_of(layer):
    return Trace("one", [layer], shapes={"y": (1, 24, 14, 14)}, outputs=("y",))


def test_no_candidate_that_fits_is_cheaper():
    compiled = small()
    chosen = choose(compiled, CONV)
    least = int(estimate(compiled.config, compiled.functions, chosen.g, chosen.codes)[CYCLES])
    costs = []
    for where, packed in places(compiled, CONV):
        for row in candidates(compiled, CONV, where, packed):
            plan = plan_layer(compiled, CONV, tiling_of(row, where, packed))
            if not isinstance(plan, str):
                costs.append(int(estimate(compiled.config, compiled.functions, plan.g, plan.codes)[CYCLES]))
    assert least == min(costs) and max(costs) > 2 * least


def test_what_does_not_fit_is_said_with_the_buffer_and_its_size():
    wide = Layer("wide", "conv", "matrix", Window(1, 4, 4, 9000, 4, 4, 8, 31, 31, 1, 1, 1, 1, 15, 15))
    with pytest.raises(CodesignError) as fault:
        choose(small("weight_buffer.size_bytes=128", "weight_buffer.double_buffered=false"), wide)
    assert str(fault.value) == (
        "wide (conv) does not fit small_npu_8x8: even its smallest tile's weight_buffer needs 961 bytes and has 128"
    )


def test_least_energy_costs_no_more_energy_than_least_cycles():
    machine = load_machine("edge_npu")
    trace = trace_network(load_network("onnx:squeezenet"))
    prices = action_vector(machine)

    def spent(objective):
        runs = simulate(trace, machine, "fast", objective=objective, action_pj=prices).layers
        return sum(int(run.counts[i]) * pj for run in runs for i, pj in enumerate(prices.values()))

    assert spent("energy") < spent("cycles")


def test_a_mapping_comes_back_as_it_was_given():
    tiling = Tiling(out_h=1, out_w=3, out_c=8, in_c=8, order="activations_outer")
    run = simulate(trace_of(CONV), SMALL, mapping={"conv": tiling.as_dict()})
    assert run.mapping == {"conv": tiling.as_dict()}
    assert run.cycles > simulate(trace_of(CONV), SMALL).cycles


def test_the_chosen_mapping_pinned_changes_nothing():
    mapping = choose_mapping(trace_of(CONV), SMALL)
    assert simulate(trace_of(CONV), SMALL, mapping=mapping).cycles == simulate(trace_of(CONV), SMALL).cycles


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        ("conf", {}, "mapping: 'conf' is not a layer of one (did you mean 'conv'?)"),
        ("conv", {"out_w": 14, "out_hh": 1}, "mapping: conv.out_hh is not a field; use where, images, out_h, out_w, "
         "out_c, in_c, order, packed_groups, loads, bias, store_c (did you mean 'out_h'?)"),
        ("conv", {"out_c": 0}, "mapping: conv.out_c: 0 is not a whole number of at least 1"),
        ("conv", {"in_c": True}, "mapping: conv.in_c: True is not a whole number of at least 1"),
        ("conv", {"out_c": 25}, "mapping: conv.out_c: 25 is more than the layer's 24"),
        ("conv", {"order": "weight_outer"}, "mapping: conv.order: 'weight_outer' is not a loop order; use "
         "activations_outer or weights_outer (did you mean 'weights_outer'?)"),
        ("conv", {"where": "host"}, "mapping: conv.where: 'host' is not a unit; use array or vector"),
        ("conv", {"loads": "each"}, "mapping: conv.loads: 'each' is not a way to load; use every or kept"),
        ("conv", {"bias": "row"},
         "mapping: conv.bias: 'row' is not a way to add biases; use fenced, late or rows (did you mean 'rows'?)"),
        ("conv", {"store_c": -1}, "mapping: conv.store_c: -1 is not a whole number of at least 0"),
        ("conv", {"packed_groups": 2}, "mapping: conv.packed_groups: 2 does not divide the layer's 1 groups"),
        ("conv", {"out_h": 14, "out_w": 14, "out_c": 24, "in_c": 20},
         "mapping: conv: weight_buffer needs 4320 bytes and has 100"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value) or "no such layer",
)  # fmt: skip
def test_a_bad_mapping_gets_one_line(name, entry, message):
    machine = SMALL
    if "has 100" in message:
        machine = load_machine("small_npu_8x8", ["weight_buffer.size_bytes=100", "weight_buffer.double_buffered=false"])
    with pytest.raises(CodesignError) as fault:
        simulate(trace_of(CONV), machine, mapping={name: entry})
    assert str(fault.value) == message


def test_halves_round_up_to_whole_folds_until_below_one():
    assert halvings(20, 8) == [20, 16, 8, 5, 3, 2, 1]
    assert halvings(3, 8) == [3, 2, 1]


def test_a_token_counter_that_overflows_stops_the_run():
    narrow = load_machine("small_npu_8x8", ["queues.token_bits=1"])
    with pytest.raises(CodesignError) as fault:
        simulate(trace_of(CONV), narrow)
    assert str(fault.value) == (
        "program: token counter store->vector.0 passed 1; give the machine more queues.token_bits"
    )


@pytest.mark.parametrize("flow", MACHINES)
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_totals_of_an_estimate_are_the_counts_of_the_program(flow, layer):
    compiled = compile_for(load_machine("small_npu_8x8", MACHINES[flow]))
    plan = choose(compiled, layer)
    totals = estimate(compiled.config, compiled.functions, plan.g, plan.codes)
    counts = new_counts()
    count_program(compiled.config, compiled.functions, as_table(emit_program(compiled, plan)), counts)
    for total in (LOADED, WEIGHTS_LOADED, SUM_READS, SUM_WRITES):
        assert totals[total] == counts[INDEX[COUNTER_OF_TOTAL[total]]]
    assert 0 < totals[LOAD_BYTES] <= counts[INDEX["dram_read_bytes"]]
