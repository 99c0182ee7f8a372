"""The RTL of PIM against its simulator: every command of attention on every device, and what its gates cost.

    python -m benchmarks.pim_rtl [--tokens 400] [--seed 1]

Command lists are the attention of one random request of a 7B model (K.q, then S.V), the same for the scheduler's RTL
(cocotb, Verilator) and for the kernel. Costs are those of the shipped tables.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from benchmarks.rtl_speed import spent_cpu_s
from benchmarks.timing import Count, Number, table
from codesign.costs.pim import FORM_OF_BYTES, SHIPPED, bank_mac_of, channel_scheduler
from rtl.pim.scheduler_bench import run_scheduler
from simulators.pim.attention import SHAPES, k_tiles, program_of, v_tiles
from simulators.pim.channel import PimChannel
from simulators.pim.device import PimDevice
from simulators.pim.devices import DEVICES, NAIVE, NEUPIMS, NEWTON

MODEL = "gpt3-7b"
MEASURED = (NEUPIMS, NAIVE, NEWTON)


def compared(device: PimDevice, tokens: int) -> tuple[int, int, int, float]:
    """Return commands, those in which RTL and kernel differ, clocks, and clocks a CPU second of the warm RTL."""
    tiles = (tile for kind in (k_tiles, v_tiles) for tile in kind(device, SHAPES[MODEL], tokens))
    program = program_of(device, tiles)
    channel = PimChannel(device, trace=True)
    clocks = channel.run(program)
    run_scheduler(device, program[:1])  # builds
    spent, found = spent_cpu_s(lambda: run_scheduler(device, program))
    wanted = channel.commands
    length = max(len(found), len(wanted))
    same = min(len(found), len(wanted))
    differ = length - same + int((found[:same, :3] != wanted[:same, :3]).any(axis=1).sum())
    return length, differ, clocks, clocks / spent


def equality(lengths: list[int]) -> tuple[str, int]:
    """Return the table of all devices, and how many commands differ."""
    rows, differ = [], 0
    for device, tokens in zip(DEVICES.values(), lengths, strict=True):
        commands, wrong, clocks, rate = compared(device, tokens)
        rows.append((device.name, Count(tokens), Count(commands), Count(wrong), Count(clocks), Number(rate)))
        differ += wrong
    header = ("device", "tokens", "commands", "differ", "clocks", "RTL clocks a CPU-s")
    return table("The scheduler's RTL and the kernel, attention of a request", header, rows), differ


def costs() -> str:
    """Return the table of a channel's gates."""
    rows = []
    for library in SHIPPED:
        for device in MEASURED:
            mac, scheduler = bank_mac_of(device, library), channel_scheduler(device.name, library)
            rows.append((
                f"{device.name}, {library}", FORM_OF_BYTES[device.operand_bytes], Number(mac.area_um2),
                Number(1e3 / mac.period_ps), Number(mac.comp_pj), Number(mac.clock_pj), Number(scheduler.area_um2),
                Number(1e3 / scheduler.period_ps), Number(scheduler.command_pj),
            ))  # fmt: skip
    header = (
        "device, library", "MAC", "a bank's um2", "GHz", "pJ a COMP", "pJ a clock", "scheduler um2", "GHz",
        "pJ a command",
    )  # fmt: skip
    return table("Gates of a channel", header, rows)


def main() -> int:
    """Measure and print; 1 when a command differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=400, help="greatest length of a request")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    lengths = np.random.default_rng(given.seed).integers(1, given.tokens + 1, len(DEVICES)).tolist()
    text, differ = equality(lengths)
    print(text)
    print(costs())
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
