"""Is the energy of a cycle-level DRAM that of its commands, does it add up, is it said where it is not known?"""

import pytest

import codesign as cd
from codesign.costs.actions import DRAM_PARTS
from simulators.activity import MEMORY_COUNTERS
from simulators.dram.energy import command_energy
from simulators.dram.standards import standard_named


def run(standard, **options):
    overrides = ["memory.model=dram", f"memory.standard={standard}", *options.pop("set", ())]
    return cd.run("digits", "small_npu_8x8", set=overrides, **options)


@pytest.mark.parametrize("standard", ["hbm2-2000", "lpddr4-2400", "ddr4-3200"])
def test_every_part_is_counts_times_the_energy_of_a_command(standard):
    result, table = run(standard), standard_named(standard)
    each, n = command_energy(table), dict.fromkeys(MEMORY_COUNTERS, 0)
    for row in result.layers:
        for name in n:
            n[name] += row["counters"].get(name, 0)
    moved_bits = (n["dram_reads"] + n["dram_writes"]) * table.organization.request_bytes * 8
    background = n["dram_active_clocks"] * each.active_clock_pj + n["dram_idle_clocks"] * each.precharged_clock_pj
    expected = (
        n["dram_activates"] * each.activate_pj, n["dram_reads"] * each.read_pj, n["dram_writes"] * each.write_pj,
        n["dram_refreshes"] * each.refresh_pj, background, moved_bits * table.io_pj_per_bit,
    )  # fmt: skip
    assert [result.energy_pj[part] for part in DRAM_PARTS] == pytest.approx(expected)
    assert min(n["dram_activates"], n["dram_reads"], n["dram_writes"]) > 0
    assert result.energy_pj["dram"] == 0
    assert sum(pj for name, pj in result.energy_pj.items() if name != "total") == pytest.approx(
        result.energy_pj["total"]
    )
    assert sum(row["energy_pj"] for row in result.layers) == pytest.approx(result.energy_pj["total"])
    assert any(f"by command, from the IDD of {standard}" in note for note in result.notes)
    assert any(f"IDD of {table.source}" in row["source"] for row in result.sources)


def test_commands_move_what_the_dma_asks_for():
    counters = [row["counters"] for row in run("hbm2-2000", set=["dma.bus_bytes=16"]).layers]
    for n in (one for one in counters if one["load_requests"]):
        # Requests of 64 bytes: bursts of as much, or parts of them; those that share one may read or write it once.
        assert n["dram_read_bytes"] / 64 <= n["dram_reads"] + 1 <= n["load_requests"] + 1
        assert 0 < n["dram_writes"] <= n["store_requests"]
        assert n["dram_active_clocks"] > 0 <= n["dram_idle_clocks"]
        assert n["dram_precharges"] <= n["dram_activates"]


def test_time_is_paid_for_in_every_rank_and_channel():
    one, four = (run("ddr4-3200", set=[f"memory.channels={n}"]) for n in (1, 4))
    assert four.energy_pj["dram_background"] > 3 * one.energy_pj["dram_background"]


@pytest.mark.parametrize(
    ("standard", "options", "why"),
    [
        ("lpddr5-6400", {"set": ["memory.technology=LPDDR5"]}, "no IDD is published for lpddr5-6400"),
        ("hbm2-2000", {"set": ["memory.technology=LPDDR5"], "fidelity": "fast"}, "no command was simulated"),
    ],
)
def test_without_commands_or_currents_bytes_are_priced_and_a_line_says_so(standard, options, why):
    result = run(standard, **options)
    assert result.energy_pj["dram"] > 0
    assert not any(result.energy_pj[part] for part in DRAM_PARTS)
    line = f"DRAM energy by command: not available ({why}); the total has LPDDR5's energy per byte instead"
    assert result.notes.count(line) == 1


def test_other_memories_say_nothing_and_have_no_such_counters():
    result = cd.run("digits", "small_npu_8x8")
    assert not any("DRAM energy" in note for note in result.notes)
    assert not set(result.layers[0]["counters"]) & set(MEMORY_COUNTERS)
