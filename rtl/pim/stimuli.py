"""What bank MACs and schedulers see at work, 64 streams at once (`rtl.synthesis.toggles`), to measure energy on."""

from __future__ import annotations

import numpy as np

from rtl.pim.parameters import MacParameters
from rtl.pim.scheduler import listed_layout
from rtl.pim.scheduler_bench import packed_items
from rtl.pim.scheduler_parameters import LISTED, scheduler_parameters
from rtl.synthesis.streams import Statistics, draw
from rtl.synthesis.toggles import LANES, lane_words
from simulators.pim.attention import SHAPES, k_tiles, program_of, v_tiles
from simulators.pim.channel import PimChannel
from simulators.pim.device import PimDevice
from workloads.formats import parse_format

_ALL = ~np.uint64(0)
#: Clocks of reset and of the pipeline's filling, before those that count.
LEAD = 16
RESET = 2
#: Model and lengths of the requests that a scheduler is measured on.
MODEL, LENGTHS = "gpt3-7b", (100, 1500)


def mac_stimulus(
    p: MacParameters, step: int, comps: int, dots: int, statistics: Statistics, seed: int
) -> dict[str, np.ndarray]:
    """Return inputs of a bank MAC: `dots` times `comps` COMPs, a step apart, and a READRES a step later.

    Slices change with each COMP and stay till the next, as a bank's column does.
    """
    rng = np.random.default_rng(seed)
    form = parse_format(p.form.operand)
    period = step * (comps + 1)
    cycles = LEAD + dots * period
    inputs = _quiet(cycles, {"comp": 1, "readres": 1, "operands": p.slice_bits, "vector": p.slice_bits})
    for start in range(LEAD, cycles, period):
        inputs["comp"][start : start + step * comps : step] = _ALL
        inputs["readres"][start + step * comps] = _ALL
    for port in ("operands", "vector"):
        bits = draw(statistics, form, (dots * (comps + 1), LANES * p.lanes), rng).reshape(-1, p.lanes, LANES)
        words = [lane_words(bits[:, lane], form.bits) for lane in range(p.lanes)]
        changed = np.concatenate(words, axis=1)
        changed[comps :: comps + 1] = changed[comps - 1 :: comps + 1]  # with READRES nothing new is read
        inputs[port][LEAD:] = np.repeat(changed, step, axis=0)
    return inputs


def idle_mac_stimulus(p: MacParameters, cycles: int) -> dict[str, np.ndarray]:
    """Return inputs of a bank MAC that is asked for nothing."""
    return _quiet(LEAD + cycles, {"comp": 1, "readres": 1, "operands": p.slice_bits, "vector": p.slice_bits})


def scheduler_stimulus(device: PimDevice, cycles: int, seed: int) -> tuple[dict[str, np.ndarray], float]:
    """Return inputs of a scheduler with attention of random requests, and the commands that it issues a clock.

    When the head leaves is the simulator's word; a gate that differs shows against the RTL.
    """
    p, rng = scheduler_parameters(device), np.random.default_rng(seed)
    items = np.zeros((cycles, LANES), np.uint64)
    issued = 0
    for lane in range(LANES):
        length = int(rng.integers(*LENGTHS))
        tiles = (t for kind in (k_tiles, v_tiles) for t in kind(device, SHAPES[MODEL], length))
        program = program_of(device, tiles)
        channel = PimChannel(device, trace=True)
        channel.run(program)
        trace = channel.commands
        leaves = trace[np.isin(trace[:, 1], LISTED), 0]
        heads = np.minimum(np.searchsorted(leaves, np.arange(cycles)), len(program) - 1)
        items[:, lane] = np.array(packed_items(p, program), np.uint64)[heads]
        issued += int((trace[:, 0] < cycles).sum())
    inputs = _quiet(RESET + cycles, {"listed__payload": listed_layout(p).size, "listed__valid": 1})
    inputs["listed__payload"][RESET:] = lane_words(items, listed_layout(p).size)
    inputs["listed__valid"][RESET:] = _ALL
    return inputs, issued / LANES / cycles


def idle_scheduler_stimulus(device: PimDevice, cycles: int) -> dict[str, np.ndarray]:
    """Return inputs of a scheduler without commands; refreshes go on."""
    layout = listed_layout(scheduler_parameters(device))
    return _quiet(RESET + cycles, {"listed__payload": layout.size, "listed__valid": 1})


def _quiet(cycles: int, widths: dict[str, int]) -> dict[str, np.ndarray]:
    inputs = {name: np.zeros((cycles, width), np.uint64) for name, width in widths.items()}
    inputs["rst"] = np.zeros((cycles, 1), np.uint64)
    inputs["rst"][:RESET] = _ALL
    return inputs
