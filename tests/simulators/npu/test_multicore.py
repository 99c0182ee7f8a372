"""Cores that share a memory: one is the core alone, several lose nothing and gain no bandwidth."""

import numpy as np
import pytest

import codesign as cd
from simulators.activity import INDEX, as_dict, memory_as_dict
from simulators.machine_files import load_machine
from simulators.npu.config import compile_machine, function_table
from simulators.npu.counts import count_program, new_counts
from simulators.npu.cycle import account, run_cycle, step
from simulators.npu.mapper import choose
from simulators.npu.multicore import run_cores
from simulators.npu.partition import PARTITIONS, partition, shares
from simulators.npu.planner import compile_for, emit_program
from simulators.npu.state import S, new_memories, new_state
from simulators.program import as_table
from workloads.errors import CodesignError
from workloads.trace import Layer, Window

MACHINE = load_machine("small_npu_8x8")
ON_DRAM = load_machine("small_npu_8x8", ["memory.model=dram", "memory.standard=lpddr4-2400"])
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


def test_one_core_on_a_dram_is_the_core_alone():
    given = program(LAYERS["padded conv"], ON_DRAM)
    alone, run = run_cycle(ON_DRAM, given), run_cores(ON_DRAM, [given])
    for ours, theirs in zip(run.cores[0][1:4], alone[1:4], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(run.memory, alone.memory)


@pytest.mark.parametrize("cores", [2, 4])
def test_cores_contend_in_the_banks_and_lose_no_byte(cores):
    given = program(LAYERS["gemm"], ON_DRAM)
    alone, run = run_cycle(ON_DRAM, given), run_cores(ON_DRAM, [given] * cores)
    assert run.cycles > alone.cycles
    ours, theirs = memory_as_dict(run.memory), memory_as_dict(alone.memory)
    for name in ("dram_reads", "dram_writes"):
        # A request of 128 bytes is read once for two bursts that wait for it at the same time.
        assert cores * theirs[name] / 2 < ours[name] <= cores * (theirs[name] + theirs["dram_row_hits"])
    assert ours["dram_activates"] > theirs["dram_activates"]
    waits = [i for name, i in INDEX.items() if "wait" in name or name == "cycles"]
    for core in run.cores:
        assert (np.delete(core.counts, waits) == np.delete(alone.counts, waits)).all()
        assert core.cycles >= alone.cycles


def test_cores_jump_as_if_they_looked_in_every_cycle():
    given = [program(LAYERS[name], ON_DRAM) for name in ("gemm", "padded conv", "gemm", "depthwise")]
    jumping = run_cores(ON_DRAM, given)
    patient = patiently(ON_DRAM, given)
    for (end, counts), core in zip(patient, jumping.cores, strict=True):
        np.testing.assert_array_equal(end, core.end)
        np.testing.assert_array_equal(counts, core.counts)


def patiently(machine, programs):
    """Return (ends, counts) of each core, every core stepped in every cycle."""
    config, functions = compile_machine(machine), function_table(machine)
    tables = [as_table(one) for one in programs]
    states = [new_state(config, *one) for one in zip(tables, new_memories(machine, config, len(tables)), strict=True)]
    counts = [new_counts() for _ in tables]
    for table, row in zip(tables, counts, strict=True):
        count_program(config, functions, table, row)
    running, cycle, none = set(range(len(tables))), 0, np.zeros((0, 2), np.uint8)
    while running:
        for i in sorted(running):
            if cycle:
                account(states[i], config, tables[i], counts[i], cycle - 1, cycle)
            assert step(states[i], config, functions, tables[i], none, counts[i], cycle)
            if states[i].s[S["ended"]] == len(tables[i]):
                running.discard(i)
                counts[i][INDEX["cycles"]] = cycle
        cycle += 1
    return [(st.end, row) for st, row in zip(states, counts, strict=True)]


def test_a_network_on_one_core_takes_the_cycles_of_a_run_and_on_four_fewer():
    runs = [cd.run("digits", MACHINE, set=[f"cores={cores}"]) for cores in (1, 2, 4)]
    assert runs[0].cycles == cd.run("digits", MACHINE).cycles
    times = [run.cycles for run in runs]
    assert times == sorted(times, reverse=True)
    assert runs[2].macs == runs[0].macs
    assert runs[2].peak_tops == 4 * runs[0].peak_tops
    assert runs[2].area_um2["total"] == pytest.approx(4 * runs[0].area_um2["total"])
    for name in ("leakage", "clock"):  # every core leaks for as long as the slowest works
        assert runs[2].energy_pj[name] == pytest.approx(4 * runs[0].energy_pj[name] * times[2] / times[0])
    assert "4 cores, by" in " ".join(row["note"] for row in runs[2].layers)
    for row in runs[2].layers:
        assert sum(row["cycle_classes"].values()) in (row["cycles"], 0)


@pytest.mark.parametrize("how", [*PARTITIONS, "best"])
def test_partitions_of_a_run(how):
    best, run = (cd.run("digits", MACHINE, set=["cores=3"], fidelity="fast", partition=one) for one in ("best", how))
    assert run.cycles >= best.cycles


@pytest.mark.parametrize(
    ("overrides", "options", "says"),
    [
        (["cores=4"], {"partition": "row"}, r"partition: 'row' is not a partition; .*did you mean 'rows'"),
        (["cores=0"], {}, r"cores: 0 is not .* 1"),
        (["cores=2", "memory.model=resident"], {"allow_host": True}, "cores: they share a memory behind DMA"),
        (["cores=2"], {"fidelity": "exact"}, "cores: fidelity exact has the registers of one core, this machine has 2"),
        (["cores=2"], {"mapping": {"stem.conv": {}}}, "cores: a mapping pins the tiles of one core"),
    ],
)
def test_what_cores_cannot_do_is_one_clear_line(overrides, options, says):
    with pytest.raises(CodesignError, match=says):
        cd.run("digits", MACHINE, set=overrides, **options)
