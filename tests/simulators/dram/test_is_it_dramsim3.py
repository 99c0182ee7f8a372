"""Is the memory DRAMsim3: every command, every read accepted and completed, every count, on stock configurations?"""

import pytest

from simulators.dram.constraints import COMMANDS
from simulators.dram.energy import energy_of
from simulators.dram.run import run_dram
from tests.simulators.dram.oracle import STANDARD, fnv, rows, trace

NAMES = {"ACT": "activate", "PRE": "precharge", "RD": "read", "WR": "write", "REF": "refresh"}
CONFIGS = ("DDR4_8Gb_x8_3200", "HBM2_8Gb_x128")
RUNS = [(c, t, n) for c in CONFIGS for t in ("stream", "random", "mixed") for n in (1, 8) if n == 1 or c != CONFIGS[0]]
READS = [(CONFIGS[0], "random", 1), (CONFIGS[0], "mixed", 1), (CONFIGS[1], "stream", 8), (CONFIGS[1], "mixed", 8)]


def run(config, name, a_clock, **options):
    addresses, writes = trace(name)
    return addresses, writes, run_dram(STANDARD[config], (addresses, writes), a_clock=a_clock, record=True, **options)


@pytest.mark.parametrize(("config", "name", "a_clock"), RUNS)
def test_counts_cycles_latencies_and_energy_are_its_own(config, name, a_clock):
    (row,) = [
        r for r in rows("dramsim3_reference")
        if (r["config"], r["trace"], r["offered_per_cycle"]) == (config, name, str(a_clock))
    ]  # fmt: skip
    _, writes, result = run(config, name, a_clock)
    done, n = result.completions, result.counts
    reads = done[~writes[done[:, 0]]]
    ours = {
        "num_cycles": result.cycles, "cycle_last_accepted": done[:, 1].max(), "cycle_last_done": done[:, 2].max(),
        "cycle_last_read_done": reads[:, 2].max(), "reads": len(reads), "requests": len(done),
        "max_read_latency_cyc": n["max_read_latency"], "fnv64_read_latencies": fnv(reads[:, 2] - reads[:, 1]),
        "read_cmds": n["RD"], "write_cmds": n["WR"], "read_row_hits": n["read_hits"],
        "write_row_hits": n["write_hits"], "acts": n["ACT"], "pres": n["PRE"],
        "ondemand_pres": n["precharges_chosen"], "refs": n["REF"],
    }  # fmt: skip
    assert {key: str(value) for key, value in ours.items()} == {key: row[key] for key in ours}
    assert n["read_latency"] / n["reads"] == pytest.approx(float(row["avg_read_latency_cyc"]), abs=5e-5)
    expected_pj = float(row["energy_V_mA_cycles"]) * result.standard.clock_ns
    assert energy_of(result).total_pj == pytest.approx(expected_pj, rel=1e-6)


@pytest.mark.parametrize(("config", "name", "a_clock"), READS)
def test_every_read_is_accepted_and_completes_in_its_cycle_and_order(config, name, a_clock):
    addresses, writes, result = run(config, name, a_clock)
    ours = [(int(addresses[i]), int(a), int(c)) for i, a, c, _ in result.completions if not writes[i]]
    theirs = rows(f"dramsim3_reads_{config}_{name}_{a_clock}")
    assert ours == [(int(r["addr_hex"], 16), int(r["accept_cycle"]), int(r["complete_cycle"])) for r in theirs]


@pytest.mark.parametrize("name", ["mixed512", "mixed"])
def test_every_command_is_issued_in_its_cycle(name):
    _, _, result = run(CONFIGS[0], name, 1, trace=True)
    places = ("rank", "bankgroup", "bank")
    theirs = [
        (int(r["cycle"]), r["cmd"], *(int(r[p]) for p in places), int(r["row"], 16), int(r["col"], 16))
        for r in rows(f"dramsim3_cmdtrace_ddr4_3200_{name}")
    ]
    assert [(int(c[0]), NAMES[COMMANDS[c[1]]], *map(int, c[3:])) for c in result.commands] == theirs
