"""Does a DRAM behind the NPU's port serve every burst once, in its time, and share its banks between load and store?"""

import numpy as np
import pytest

import codesign as cd
from simulators.dram.port import new_port, new_ports
from simulators.dram.reference_port import ReferencePort
from simulators.dram.standards import DDR4_3200, HBM2_2000, LPDDR4_2400, STANDARDS, closed_forms
from simulators.machine import DramMapping, DramStandard
from simulators.machine_files import load_machine
from simulators.memory import port, simple
from simulators.npu.config import C, compile_machine
from workloads.errors import CodesignError

OVERRIDES = ["memory.model=dram", "memory.standard=hbm2-2000"]


def config_at_memory_clock():
    """Return a configuration whose machine runs at the memory's clock."""
    config = compile_machine(load_machine("small_npu_8x8", OVERRIDES)).copy()
    config[C["ratio_num"]] = config[C["ratio_den"]] = 1
    config[C["outstanding"]] = 64
    return config


def drain(memory, config, cycle, most=20_000):
    """Return (cycle, id) of all completions, looking only in the cycles that the memory names."""
    found = []
    while (event := port.next_event(memory, config)) < simple.NEVER and cycle < most:
        cycle = max(cycle + 1, int(event))
        identity = port.pop(memory, config, cycle)
        if identity >= 0:
            found.append((cycle, identity))
    return found


@pytest.mark.parametrize("standard", [DDR4_3200, HBM2_2000, LPDDR4_2400], ids=lambda s: s.name)
def test_a_read_of_a_closed_bank_takes_row_column_and_burst(standard):
    memory, config, t = new_port(standard, 1, standard.mapping, 8, 64), config_at_memory_clock(), standard.timing
    assert port.offer(memory, config, 5, 3, 0, 64)
    # Accepted in clock 5, in its bank's queue at the end of it: ACT in clock 6.
    assert drain(memory, config, 5) == [(6 + t["tRCDRD"] + t["CL"] + t["BURST"], 3)]


def test_a_write_is_acknowledged_by_the_channel():
    memory, config = new_port(DDR4_3200, 1, "rochrababgco", 8, 64), config_at_memory_clock()
    assert port.offer(memory, config, 5, 64 + 2, 0, 64)
    assert drain(memory, config, 5) == [(6, 66)]


def test_every_burst_completes_once_in_no_less_than_the_bus_needs():
    memory, config = new_port(HBM2_2000, 2, "rorabgbachco", 16, 256), config_at_memory_clock()
    rng, cycle, sent, done = np.random.default_rng(1), 0, 0, []
    while len(done) < 400:
        store = 64 if rng.random() < 0.3 else 0
        if sent < 400 and port.has_room(memory, config):
            assert port.offer(memory, config, cycle, sent % 64 + store, int(rng.integers(0, 1 << 16)) * 256, 256)
            sent += 1
        elif sent < 400:
            assert not port.offer(memory, config, cycle, 0, 0, 256)
        identity = port.pop(memory, config, cycle)
        if identity >= 0:
            done.append(identity)
        cycle += 1
    assert port.next_event(memory, config) == simple.NEVER
    assert cycle > 400 * 0.6 * 4 * 2 / 2  # reads alone: four requests of two clocks, two channels


def test_looking_only_when_told_misses_nothing():
    config = config_at_memory_clock()
    seen = []
    for patient in (False, True):
        memory = new_port(LPDDR4_2400, 1, "rochrababgco", 32, 128)
        for i in range(32):
            assert port.offer(memory, config, i, i, 4096 * 37 * i, 128)
        if patient:
            seen.append(drain(memory, config, 31))
        else:
            popped = [(cycle, port.pop(memory, config, cycle)) for cycle in range(32, 4000)]
            seen.append([(cycle, identity) for cycle, identity in popped if identity >= 0])
    assert len(seen[0]) == 32
    assert seen[0] == seen[1]


@pytest.mark.parametrize("seed", range(8))
def test_equal_to_plain_python(seed):
    rng, standard = np.random.default_rng(seed), list(STANDARDS.values())[seed]
    channels, depth, num, den = 1 << seed % 3, (4, 16, 32)[seed % 3], (1, 4, 100)[seed % 3], (1, 5, 83)[seed % 3]
    memory, config = new_port(standard, channels, standard.mapping, depth, 256), config_at_memory_clock()
    config[C["ratio_num"]], config[C["ratio_den"]] = num, den
    plain = ReferencePort(standard, channels, standard.mapping, depth, num, den, bus_bytes=8)
    busy = rng.random()
    for cycle in range(900):
        if rng.random() < busy:
            store, size = rng.random() < 0.3, int(rng.choice([16, 64, 256]))
            identity, address = cycle % 64 + 64 * store, int(rng.integers(0, 1 << 12)) * 256
            address += int(rng.integers(0, 256 // size)) * size + int(rng.integers(0, 8))
            ours = port.offer(memory, config, cycle, identity, address, size)
            assert ours == plain.offer(cycle, identity, store, address, size)
        if cycle % 3 or seed % 2:
            assert port.pop(memory, config, cycle) == plain.pop(cycle)


@pytest.mark.parametrize("seed", range(4))
def test_cores_equal_to_plain_python(seed):
    rng, standard, cores = np.random.default_rng(seed), list(STANDARDS.values())[2 * seed], (2, 3, 4, 8)[seed]
    ports, config = new_ports(standard, 2, standard.mapping, 8, 256, cores), config_at_memory_clock()
    plain = ReferencePort(standard, 2, standard.mapping, 8, cores=cores)
    for cycle in range(500):
        for core in rng.permutation(cores):
            if rng.random() < 0.4:
                store, address = rng.random() < 0.3, int(rng.integers(0, 1 << 8)) * 256
                given = (cycle, cycle % 64 + 64 * store, address, 256)
                ours = port.offer(ports[core], config, *given)
                assert ours == plain.offer(given[0], given[1], store, address, 256, core)
        for core in range(cores):
            assert port.pop(ports[core], config, cycle) == plain.pop(cycle, core)


def test_halves_of_a_request_are_read_once():
    # LPDDR4 here moves 128 bytes a request: two bursts of 64 bytes that are both under way share one.
    memory, config = new_port(LPDDR4_2400, 1, "rochrababgco", 8, 64), config_at_memory_clock()
    port.offer(memory, config, 0, 0, 0, 64)
    port.offer(memory, config, 1, 1, 64, 64)
    (first, _), (second, _) = drain(memory, config, 1)
    assert second == first + 1  # one completion is popped a cycle


def run(*overrides, **options):
    return cd.run("digits", "small_npu_8x8", set=list(overrides), **options)


def test_traffic_is_that_of_the_simple_memory():
    # With the closed forms of the standard, the mapper chooses the same tiles.
    same = [f"memory.{name}={value}" for name, value in closed_forms("hbm2-2000").items()]
    ours, theirs = run(*OVERRIDES), run(*same)
    for name in ("dram_read_bytes", "dram_write_bytes", "macs"):
        assert [r["counters"][name] for r in ours.layers] == [r["counters"][name] for r in theirs.layers]
    assert ours.cycles != theirs.cycles
    assert run(*OVERRIDES).cycles == ours.cycles


def test_narrow_dram_binds_a_wide_port_and_channels_help():
    wide = ["memory.model=dram", "dma.bus_bytes=64", "dma.burst_bytes=256", "memory.mapping=rocorababgch"]
    narrow = run(*wide, "memory.standard=lpddr5-6400", "memory.channels=1").cycles
    assert run(*wide, "memory.standard=lpddr5-6400", "memory.channels=4").cycles < narrow
    assert run(*wide, "memory.standard=hbm2-2000", "memory.channels=8").cycles < narrow


@pytest.mark.slow  # exact is compiled for another memory
@pytest.mark.parametrize("standard", ["hbm2-2000", "lpddr4-2400"])
def test_exact_equals_cycle_layer_by_layer(standard):
    given = ("memory.model=dram", f"memory.standard={standard}")
    exact, cycle = run(*given, fidelity="exact"), run(*given)
    assert [(r["cycles"], r["counters"]) for r in exact.layers] == [(r["cycles"], r["counters"]) for r in cycle.layers]
    simple = run(fidelity="exact")
    for name, values in simple.outputs.items():
        np.testing.assert_array_equal(exact.outputs[name], values)


def test_the_names_are_those_that_ship():
    assert set(DramStandard.__args__) == set(STANDARDS)
    assert "standard" in DramMapping.__args__
    with pytest.raises(CodesignError, match=r"memory\.standard"):
        run("memory.model=dram", "memory.standard=ddr4-3201")
