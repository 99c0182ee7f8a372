"""Does more bandwidth never cost cycles, for a fixed program with one client of the memory?"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.npu.cycle import run_cycle
from simulators.program import LOAD, STORE, assemble, command
from tests.properties.strategies import machine_with

_ROWS = st.tuples(st.integers(1, 120), st.integers(1, 4), st.integers(0, 40), st.integers(0, 200))
_MACHINES = st.fixed_dictionaries(
    {
        "dma__bus_bytes": st.sampled_from([1, 2, 4, 8]), "dma__burst_bytes": st.sampled_from([8, 16, 64]),
        "dma__outstanding": st.integers(1, 9), "memory__queue_depth": st.integers(1, 9),
        "memory__latency_cycles": st.integers(0, 60), "memory__latency_spread_cycles": st.sampled_from([0, 0, 5, 40]),
        "memory__clock_hz": st.sampled_from([500_000_000, 333_000_000, 800_000_000]),
        "queues__load": st.integers(1, 4), "queues__store": st.integers(1, 4),
    }
)  # fmt: skip


@settings(max_examples=200)
@given(st.sampled_from([LOAD, STORE]), st.lists(_ROWS, min_size=1, max_size=8), _MACHINES, st.data())
def test_more_bandwidth_never_costs_cycles(opcode, transfers, fields, data):
    program = assemble(
        [
            command(opcode, n0=n0, n1=n1, s1=n0, d_s0=n0 + gap, dram_address=address)
            for n0, n1, gap, address in transfers
        ]
    )
    slow, fast = sorted(data.draw(st.tuples(st.integers(1, 70), st.integers(1, 70))))
    cycles = [run_cycle(machine_with(**fields, memory__bytes_per_cycle=rate), program).cycles for rate in (slow, fast)]
    assert cycles[1] <= cycles[0]
