"""Dot products: broadcast operands and adder trees change when a fold ends, not what it does."""

import math

import numpy as np
import pytest

import codesign as cd
from simulators.machine_files import load_machine
from simulators.npu.cycle import run_cycle
from simulators.npu.mapper import choose
from simulators.npu.planner import compile_for, emit_program
from simulators.program import MATMUL, PRELOAD
from workloads.errors import CodesignError
from workloads.trace import Layer, Window

ROWS, COLS = 16, 8
SIZE = [f"array.rows={ROWS}", f"array.cols={COLS}", "scratchpad.size_bytes=65536", "weight_buffer.size_bytes=65536"]
LAYER = Layer("gemm", "matmul", "matrix", Window(in_h=37, in_c=50, out_h=37, out_c=29))


def machine(style):
    return load_machine("small_npu_8x8", [*SIZE, f"array.style={style}"])


def test_a_fold_ends_earlier_by_the_skew_and_later_by_the_tree():
    program = emit_program(compile_for(machine("systolic")), choose(compile_for(machine("systolic")), LAYER))
    runs = {style: run_cycle(machine(style), program) for style in ("systolic", "dot_product")}
    lasts = {style: run.end - run.start for style, run in runs.items()}
    shorter = lasts["systolic"] - lasts["dot_product"]
    assert set(shorter[program["opcode"] == PRELOAD]) == {COLS - 1}
    assert set(shorter[program["opcode"] == MATMUL]) == {COLS - 1 + ROWS - 1 - math.ceil(math.log2(ROWS))}
    assert runs["dot_product"].cycles < runs["systolic"].cycles


def test_it_counts_what_a_systolic_array_counts():
    runs = {"systolic": cd.run("digits", machine("systolic"))}
    runs["dot_product"] = cd.run("digits", machine("dot_product"), mapping=runs["systolic"].mapping)
    same = ("macs", "folds", "mac_slots", "dram_read_bytes", "scratchpad_read_elements")
    for one, other in zip(runs["systolic"].layers, runs["dot_product"].layers, strict=True):
        assert [one["counters"][name] for name in same] == [other["counters"][name] for name in same]
    assert runs["dot_product"].area_um2["skew_registers"] < runs["systolic"].area_um2["skew_registers"]


def test_fast_is_no_more_than_cycle():
    totals = [cd.run("digits", machine("dot_product"), fidelity=name).cycles for name in ("fast", "cycle")]
    assert totals[0] <= totals[1]
    assert np.isclose(totals[0], totals[1], rtol=0.1)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (lambda: cd.run("digits", machine("dot_product"), fidelity="exact"), "style dot_product has no registers"),
        (lambda: load_machine("small_npu_8x8", ["array.style=dot_product", "array.dataflow=os"]), "use ws"),
        (lambda: _rtl(), "array.style: 'dot_product' is simulated and has no RTL; use 'systolic'"),
    ],
    ids=["exact", "os", "rtl"],
)
def test_what_it_has_not_is_refused_in_a_line(what, says):
    with pytest.raises(CodesignError, match=says) as caught:
        what()
    assert "\n" not in str(caught.value)


def _rtl():
    from rtl.parameters import parameters_of

    parameters_of(machine("dot_product"))
