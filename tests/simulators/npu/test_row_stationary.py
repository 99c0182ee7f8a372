"""Row stationary: do passes count what loops count, and does the mapper find the best?"""

import itertools
from dataclasses import replace

import pytest

import codesign as cd
from simulators.activity import as_dict
from simulators.machine_files import load_machine
from simulators.npu.row_stationary import (
    RowStationaryMapping,
    compressed_bytes,
    input_rows_read,
    parts,
    run_row_stationary,
    why_not,
)
from simulators.npu.row_stationary_mapper import choose_row_stationary
from workloads.errors import CodesignError
from workloads.trace import Window

MACHINE = load_machine("eyeriss")
#: 3x3, padded, ragged in every dimension.
LAYER = Window(2, 10, 10, 7, 10, 10, 11, 3, 3, pad_top=1, pad_left=1)
MAPPINGS = [
    RowStationaryMapping(m=11, n=1, e=4, p=3, q=2, r=2, t=2),
    RowStationaryMapping(m=4, n=2, e=10, p=4, q=3, r=1, t=1),
    RowStationaryMapping(m=11, n=2, e=7, p=11, q=1, r=3, t=1),
]


def by_loops(w, k):
    """Every multiply, word and pass, one by one."""
    macs = inputs = sums = first_sums = weights = passes = 0
    depth = k.q * k.r
    for images, rows, filters, channels in itertools.product(
        range(0, w.batch, k.n), range(0, w.out_h, k.e), range(0, w.out_c, k.p * k.t), range(0, w.in_c, depth)
    ):
        n, e = min(k.n, w.batch - images), min(k.e, w.out_h - rows)
        m, c = min(k.p * k.t, w.out_c - filters), min(depth, w.in_c - channels)
        passes += 1
        macs += n * e * w.out_w * m * c * w.kernel_h * w.kernel_w
        inputs += n * c * ((e - 1) * w.stride_h + w.kernel_h) * ((w.out_w - 1) * w.stride_w + w.kernel_w)
        weights += m * c * w.kernel_h * w.kernel_w
        sums += n * e * w.out_w * m
        first_sums += 0 if channels else n * e * w.out_w * m
    return macs, inputs, weights, sums, sums - first_sums, passes


@pytest.mark.parametrize("mapping", MAPPINGS, ids=str)
def test_passes_count_what_loops_count(mapping):
    assert why_not(MACHINE, LAYER, mapping) == ""
    counts = as_dict(run_row_stationary(MACHINE, LAYER, mapping).counts)
    names = ("macs", "scratchpad_read_elements", "weight_read_elements", "accumulator_write_elements",
             "accumulator_read_elements", "folds")  # fmt: skip
    assert tuple(counts[name] for name in names) == by_loops(LAYER, mapping)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=str)
def test_cycles_are_no_less_than_any_work_over_its_rate(mapping):
    run = run_row_stationary(MACHINE, LAYER, mapping)
    counts, rs = as_dict(run.counts), MACHINE.array.row_stationary
    assert run.processing_cycles >= counts["macs"] / 168
    assert run.processing_cycles >= counts["scratchpad_read_elements"] / rs.ifmap_bus_words
    assert run.processing_cycles >= counts["weight_read_elements"] / rs.filter_bus_words
    assert run.processing_cycles >= counts["accumulator_write_elements"] / rs.psum_bus_words
    assert run.cycles == run.processing_cycles + counts["execute_wait_token_load"]
    assert run.processing_cycles == counts["array_cycles"] + counts["execute_wait_array"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"q": 5}, "q x S = 15 inputs, a PE holds 12"),
        ({"p": 25, "q": 1}, "p = 25 sums, a PE holds 24"),
        ({"p": 20, "q": 4}, "p x q x S = 240 weights, a PE holds 224"),
        ({"r": 4, "t": 2, "e": 10}, "4 x 2 sets of width 10, the array holds 4"),
    ],
)
def test_what_does_not_fit_says_why(change, says):
    assert why_not(MACHINE, LAYER, replace(MAPPINGS[0], **change)) == says


def test_a_set_wider_than_the_array_is_folded():
    wide = Window(1, 31, 31, 1, 27, 27, 1, 5, 5)
    assert why_not(MACHINE, wide, RowStationaryMapping(1, 1, 27, 1, 1, 1, 1)) == ""
    assert "holds 1" in why_not(MACHINE, wide, RowStationaryMapping(1, 1, 27, 1, 1, 2, 1))


def test_the_mapper_is_no_slower_than_any_mapping_given_here():
    chosen, run = choose_row_stationary(MACHINE, LAYER)
    assert why_not(MACHINE, LAYER, chosen) == ""
    assert run.cycles <= min(run_row_stationary(MACHINE, LAYER, mapping).cycles for mapping in MAPPINGS)


@pytest.mark.parametrize(
    ("elements", "bits", "zeros", "size"),
    [
        (300, 16, 0.0, 600),  # pairs would take 800
        (300, 16, 0.5, 400),  # 150 pairs, three in 8 bytes
        (3200, 16, 1.0, 272),  # a pair for each 32 zeros
        (0, 16, 0.5, 0),
    ],
)
def test_compression(elements, bits, zeros, size):
    assert compressed_bytes(elements, bits, zeros) == pytest.approx(size, abs=8)


def test_rows_of_two_strips_are_read_twice_and_padding_never():
    assert input_rows_read(LAYER, 10) == 10
    assert input_rows_read(LAYER, 5) == 12
    assert parts(10, 4) == [(4, 2), (2, 1)]


def test_zeros_save_energy_and_traffic_not_cycles_of_passes():
    dense, sparse = (run_row_stationary(MACHINE, LAYER, MAPPINGS[0], zeros, zeros) for zeros in (0.0, 0.75))
    assert sparse.processing_cycles == dense.processing_cycles
    a, b = as_dict(dense.counts), as_dict(sparse.counts)
    assert b["mac_slots"] == a["mac_slots"] / 4
    assert b["dram_write_bytes"] < a["dram_write_bytes"] / 2


def test_a_network_runs_and_its_mapping_can_be_pinned():
    result = cd.run("digits", "small_npu_8x8", set=["array.dataflow=rs"])
    again = cd.run("digits", "small_npu_8x8", set=["array.dataflow=rs"], mapping=result.mapping)
    assert again.cycles == result.cycles > 0
    assert result.energy_pj["total"] > 0
    first = next(iter(result.mapping))
    for bad, says in (({"m": 0}, "is not a whole number"), ({"k": 1}, "is not a field of dataflow rs")):
        with pytest.raises(CodesignError, match=says):
            cd.run("digits", "small_npu_8x8", set=["array.dataflow=rs"], mapping={first: bad})


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (lambda: cd.run("digits", "small_npu_8x8", set=["array.dataflow=rs"], fidelity="exact"), "has no values"),
        (lambda: _rtl(), "'rs' is simulated and has no RTL; use ws, os or is"),
    ],
    ids=["exact", "rtl"],
)
def test_what_rs_has_not_is_refused_in_a_line(what, says):
    with pytest.raises(CodesignError, match=says) as caught:
        what()
    assert "\n" not in str(caught.value)


def _rtl():
    from rtl.parameters import parameters_of

    parameters_of(MACHINE)
