"""Do the words name what the counters say?"""

import pytest

from codesign.bottleneck import cycle_classes, find_bottleneck, stall_cycles
from simulators.activity import COUNTERS
from simulators.machine_files import load_machine

MACHINE = load_machine(
    "small_npu_8x8",
    ["memory.bytes_per_cycle=8", "dma.bus_bytes=16", "dma.burst_bytes=64", "memory.clock_hz=null"],
)


def counts(**given: int) -> dict[str, int]:
    return {**dict.fromkeys(COUNTERS, 0), **given}


def words(where: str, cycles: int, fidelity: str = "cycle", **given: int) -> str:
    return find_bottleneck(MACHINE, where, cycles, counts(**given), fidelity).text


BUSY = {"array_cycles": 700, "folds": 2, "mapped_pes": 64}
LOADS = {"execute_wait_token_load": 820, "array_cycles": 100}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (BUSY | {"execute_wait_array": 50}, "array-bound (70 % of cycles stream, 50 % of PEs used)"),
        ({"drain_cycles": 300, "execute_wait_array": 250, "array_cycles": 300},
         "fill/drain-bound (55 % of cycles fill or drain the array)"),
        (LOADS | {"load_wait_memory": 600, "load_beats": 300, "dram_read_bytes": 6000, "weight_write_elements": 9},
         "DRAM-bound (82 % of cycles wait on weights)"),
        (LOADS | {"load_wait_memory": 600, "load_beats": 300, "dram_read_bytes": 60, "scratchpad_write_elements": 9},
         "DRAM-latency-bound (82 % of cycles wait on inputs)"),
        (LOADS | {"load_wait_memory": 10, "load_beats": 300, "parameter_write_elements": 1},
         "DRAM-bound (82 % of cycles wait on parameters)"),
        ({"execute_wait_token_vector": 700, "vector_cycles": 600, "array_cycles": 90},
         "vector-bound (70 % of cycles wait on the vector unit)"),
        ({"execute_wait_token_vector": 700, "vector_cycles": 100, "vector_wait_token": 600, "store_wait_memory": 500,
          "dram_write_bytes": 5000}, "DRAM-bound (70 % of cycles wait on stores)"),
        (LOADS | {"load_wait_memory": 60, "load_beats": 30, "load_wait_token": 700, "store_beats": 800,
          "dram_write_bytes": 8000}, "DRAM-bound (82 % of cycles wait on stores)"),
        (LOADS | {"load_beats": 30, "load_wait_token": 700, "vector_cycles": 800},
         "vector-bound (82 % of cycles wait on the vector unit)"),
        ({"execute_wait_token_store": 700, "store_wait_memory": 50, "store_beats": 10},
         "DRAM-latency-bound (70 % of cycles wait on stores)"),
        ({"execute_wait_queue": 700, "vector_cycles": 600}, "vector-bound (70 % of cycles wait on the vector unit)"),
        ({"execute_wait_queue": 700, "load_wait_memory": 600, "dram_read_bytes": 6000, "weight_write_elements": 1},
         "DRAM-bound (70 % of cycles wait on weights)"),
        (BUSY | {"dram_read_bytes": 8 * 960}, "DRAM-bound (96 % of cycles transfer)"),
        (BUSY | {"load_beats": 880}, "DMA-bound (88 % of cycles transfer)"),
        (BUSY | {"dram_read_bytes": 8 * 690}, "array-bound (70 % of cycles stream, 50 % of PEs used)"),
        ({"drain_cycles": 450, "array_cycles": 150, "execute_wait_token_load": 400, "dram_read_bytes": 8 * 1001,
          "load_wait_memory": 900}, "DRAM-bound (100 % of cycles transfer)"),
        ({"array_cycles": 100}, "write-back-bound (90 % of cycles after the last multiply)"),
    ],
)  # fmt: skip
def test_a_layer_on_the_array(given, text):
    assert words("array", 1000, **given) == text


def test_a_wide_memory_behind_a_narrow_bus_is_dma_bound():
    machine = load_machine("small_npu_8x8", ["memory.bytes_per_cycle=64", "dma.bus_bytes=4", "dma.burst_bytes=64"])
    given = counts(**LOADS, load_beats=900, load_wait_memory=40, weight_write_elements=3600)
    assert find_bottleneck(machine, "array", 1000, given, "cycle").text == "DMA-bound (82 % of cycles wait on weights)"


@pytest.mark.parametrize(
    ("where", "given", "text"),
    [
        ("vector", {"vector_cycles": 710}, "vector-bound (71 % of cycles compute)"),
        ("vector", {"vector_cycles": 810, "dram_read_bytes": 8 * 800}, "vector-bound (81 % of cycles compute)"),
        ("vector", {"vector_cycles": 710, "dram_read_bytes": 8 * 800}, "DRAM-bound (80 % of cycles transfer)"),
        ("vector", {"vector_cycles": 100, "dram_read_bytes": 8 * 900}, "DRAM-bound (90 % of cycles transfer)"),
        ("vector", {"vector_cycles": 100, "dram_read_bytes": 8 * 300}, "DRAM-latency-bound (70 % of cycles wait)"),
        ("dma", {"dram_read_bytes": 8 * 800}, "DRAM-bound (80 % of cycles transfer)"),
        ("dma", {"load_beats": 800}, "DMA-bound (80 % of cycles transfer)"),
    ],
)
def test_a_layer_elsewhere(where, given, text):
    assert words(where, 1000, **given) == text


def test_fast_has_rates_only():
    assert words("array", 1000, "fast", array_cycles=900) == "array-bound (90 % of cycles stream)"
    assert words("array", 1000, "fast", array_cycles=100) == "latency-bound (90 % of cycles fill, drain or wait)"
    text = words("array", 1000, "fast", array_cycles=300, dram_read_bytes=7200)
    assert text == "DRAM-bound (90 % of cycles transfer)"


def test_what_takes_no_cycles_is_free():
    assert words("view", 0) == "free: an address calculation"
    assert words("host", 0) == "not on this machine"


def test_classes_sum_to_the_cycles_and_stalls_are_the_waits():
    given = counts(array_cycles=300, drain_cycles=40, execute_wait_array=60, execute_wait_token_load=200,
                   execute_wait_token_vector=30, execute_wait_token_store=20, execute_wait_queue=10)  # fmt: skip
    assert sum(cycle_classes("array", 1000, given).values()) == 1000
    assert stall_cycles("array", 1000, given) == 260
    assert stall_cycles("vector", 100, counts(vector_cycles=60, vector_wait_token=25)) == 25
    assert sum(cycle_classes("vector", 100, counts(vector_cycles=60, vector_wait_token=25)).values()) == 100
    assert cycle_classes("view", 0, counts()) == {}
