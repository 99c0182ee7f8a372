"""Cores that share a memory: one is the core alone, several lose nothing and gain no bandwidth."""

import numpy as np
import pytest

import codesign as cd
from codesign.runner import prepare
from simulators.activity import INDEX, as_dict
from simulators.machine_files import load_machine
from simulators.npu.cycle import run_cycle
from simulators.npu.mapper import choose
from simulators.npu.multicore import run_cores
from simulators.npu.multicore_layers import simulate_cores
from simulators.npu.partition import PARTITIONS, partition, shares
from simulators.npu.planner import compile_for, emit_program
from workloads.errors import CodesignError
from workloads.trace import Layer, Window

MACHINE = load_machine("small_npu_8x8")
LAYERS = {
    "gemm": Layer("gemm", "matmul", "matrix", Window(1, 37, 1, 50, 37, 1, 29)),
    "padded conv": Layer("conv", "conv", "matrix", Window(3, 9, 9, 6, 9, 9, 10, 3, 3, pad_top=1, pad_left=1)),
    "strided conv": Layer("conv", "conv", "matrix", Window(2, 12, 12, 4, 6, 6, 9, 3, 3, 2, 2, pad_top=1, pad_left=1)),
    "depthwise": Layer("conv", "conv", "matrix", Window(1, 8, 8, 12, 8, 8, 12, 3, 3, pad_top=1, pad_left=1, groups=12)),
    "pool": Layer("pool", "max_pool", "vector", Window(2, 8, 8, 6, 4, 4, 6, 2, 2, 2, 2), function="max_pool"),
}


def program(layer, machine=MACHINE):
    compiled = compile_for(machine)
    return emit_program(compiled, choose(compiled, layer))


@pytest.mark.parametrize("name", LAYERS)
def test_one_core_is_the_core_alone(name):
    given = program(LAYERS[name])
    alone, run = run_cycle(MACHINE, given), run_cores(MACHINE, [given])
    assert run.cycles == alone.cycles
    for ours, theirs in zip(run.cores[0][1:], alone[1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_cores_wait_for_each_other_at_the_memory():
    given = program(LAYERS["gemm"])
    alone, four = run_cycle(MACHINE, given), run_cores(MACHINE, [given] * 4)
    moved = 4 * sum(as_dict(alone.counts)[name] for name in ("dram_read_bytes", "dram_write_bytes"))
    assert four.cycles > alone.cycles
    assert four.cycles >= moved / MACHINE.memory.bytes_per_cycle
    assert max(core.cycles for core in four.cores) == four.cycles
    wide = load_machine("small_npu_8x8", ["memory.bytes_per_cycle=4096"])
    assert run_cores(wide, [program(LAYERS["gemm"], wide)] * 4).cycles < four.cycles


def test_cores_do_what_they_would_do_alone():
    given = [program(LAYERS[name]) for name in ("gemm", "padded conv", "pool")]
    waits = [i for name, i in INDEX.items() if "wait" in name or name == "cycles"]
    for core, alone in zip(run_cores(MACHINE, given).cores, (run_cycle(MACHINE, one) for one in given), strict=True):
        assert (np.delete(core.counts, waits) == np.delete(alone.counts, waits)).all()
        assert (core.end >= core.start).all()
        assert core.cycles >= alone.cycles


@pytest.mark.parametrize("how", PARTITIONS)
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("cores", [1, 2, 3, 4])
def test_parts_make_up_the_layer(name, how, cores):
    w, parts = LAYERS[name].window, [part.window for part in partition(LAYERS[name], how, cores, 8)]
    assert 1 <= len(parts) <= cores
    outputs = sum(p.batch * p.out_h * p.out_w * p.out_c for p in parts)
    assert outputs == w.batch * w.out_h * w.out_w * w.out_c
    if LAYERS[name].engine == "matrix":
        assert sum(p.macs for p in parts) == w.macs


def test_rows_read_the_rows_that_they_need():
    parts = [part.window for part in partition(LAYERS["padded conv"], "rows", 3, 8)]
    assert [(p.in_h, p.pad_top, p.out_h) for p in parts] == [(4, 1, 3), (5, 0, 3), (4, 0, 3)]


@pytest.mark.parametrize(
    ("extent", "cores", "multiple", "found"),
    [
        (10, 4, 1, [(0, 3), (3, 3), (6, 2), (8, 2)]),
        (3, 4, 1, [(0, 1), (1, 1), (2, 1)]),
        (20, 2, 8, [(0, 16), (16, 4)]),
    ],
)
def test_shares(extent, cores, multiple, found):
    assert shares(extent, cores, multiple) == found


def test_a_network_on_one_core_takes_the_cycles_of_a_run_and_on_four_fewer():
    ready = prepare("digits", MACHINE)
    assert simulate_cores(ready.trace, MACHINE, 1).cycles == cd.run("digits", MACHINE).cycles
    times = [simulate_cores(ready.trace, MACHINE, cores).cycles for cores in (1, 2, 4)]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("machine", "cores", "how", "says"),
    [
        ("small_npu_8x8", 4, "row", r"partition: 'row' is not a partition; .*did you mean 'rows'"),
        ("small_npu_8x8", 0, "best", "cores: 0 is not a whole number from 1 to 64"),
        ("eyeriss", 2, "best", "eyeriss: cores share a memory behind DMA"),
    ],
)
def test_what_cores_cannot_do_is_one_clear_line(machine, cores, how, says):
    with pytest.raises(CodesignError, match=says):
        simulate_cores(prepare("digits", "small_npu_8x8").trace, load_machine(machine), cores, how)
