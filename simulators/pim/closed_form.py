"""Attention on a PIM device without its commands: a few sums a tile, from the timing table alone; for sweeps.

A tile closes the rows that are open, a slot each, after the last column that they gave (tRTP) and tRAS; announces
itself; opens its rows, ranks side by side, groups of a rank tFAW apart; and computes tRCD after the last. It begins
only if the controller's estimate fits before the next refresh; else all rests until that is done, and the rank that
was refreshed opens tRFC later. No constant is fitted. What commands of neighbouring tiles do to each other beyond
that, and a refresh that falls within a tile, is left out.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from simulators.dram.constraints import AL, tRTP
from simulators.kernels import kernel
from simulators.pim.attention import AttentionShape, alike, k_tile_array, tile_parts, v_tile_array
from simulators.pim.commands import ADDER_TREE_STEPS, STEP
from simulators.pim.device import C, PimDevice, compile_device
from simulators.pim.run import AttentionResult, ChannelResult, in_order, requests_of_channels

NEVER = 1 << 60
FIELDS = (
    "interval", "ranks", "closings", "closings_of_rank", "acts_of_rank", "all_ranks_at_once", "tFAW", "tRP", "tRAS",
    "tRFC", "tRCD", "tRCDcomp", "tRTP", "close", "step", "fill", "readres", "column", "composite", "holds", "gwrite",
    "open_estimate", "vector", "two_buffers", "close_estimate", "precharge_estimate", "readres_estimate",
    "closings_before_act",
)  # fmt: skip
F = {name: i for i, name in enumerate(FIELDS)}
(_INTERVAL, _RANKS, _CLOSINGS, _CLOSINGS_OF_RANK, _ACTS, _AT_ONCE, _FAW, _RP, _RAS, _RFC, _RCD, _RCD_COMP, _RTP, _CLOSE,
 _STEP, _FILL, _READRES, _COLUMN, _COMPOSITE, _HOLDS, _GWRITE, _OPEN_ESTIMATE, _VECTOR, _TWO, _CLOSE_ESTIMATE,
 _PRECHARGE_ESTIMATE, _READRES_ESTIMATE, _BEFORE_ACT) = range(len(FIELDS))  # fmt: skip
STATE = ("clock", "due", "rank", "may_close", "first_act", "last_act", "computed", "row", "vector_open")
_CLOCK, _DUE, _RANK, _MAY_CLOSE, _FIRST_ACT, _LAST_ACT, _COMPUTED, _ROW, _VECTOR_OPEN = range(len(STATE))
MOST_RANKS = 8


@kernel
def _refresh(f, s, opened, may_open):
    """Let the refresh that is due take place."""
    rank = s[_RANK]
    at = max(s[_DUE], s[_CLOCK])
    if opened[rank] or (s[_VECTOR_OPEN] and rank == 0):
        extra = 1 if s[_VECTOR_OPEN] and rank == 0 and f[_TWO] else 0
        closings = (f[_CLOSINGS_OF_RANK] if opened[rank] else 0) + extra
        at = max(max(at, s[_MAY_CLOSE]) + closings - 1, s[_LAST_ACT] + f[_RAS]) + f[_RP]
        opened[rank] = 0
        if f[_CLOSINGS] == 1:  # one command closes all ranks
            for r in range(f[_RANKS]):
                opened[r] = 0
    if rank == 0:
        s[_VECTOR_OPEN] = 0
    may_open[rank] = at + f[_RFC]
    s[_CLOCK], s[_DUE], s[_RANK] = at + 1, s[_DUE] + f[_INTERVAL], (rank + 1) % f[_RANKS]


@kernel
def _gwrite(f, s, opened, may_open):
    """Let the vector into the global buffer."""
    while True:
        clocks = f[_GWRITE]
        if f[_VECTOR] and not s[_VECTOR_OPEN]:
            clocks += f[_OPEN_ESTIMATE] + (f[_PRECHARGE_ESTIMATE] if not f[_TWO] and opened[0] else 0)
        if s[_DUE] - 1 - s[_CLOCK] > clocks and s[_CLOCK] < s[_DUE]:
            break
        _refresh(f, s, opened, may_open)
    at = s[_CLOCK]
    if f[_VECTOR] and not s[_VECTOR_OPEN]:
        if not f[_TWO] and opened[0]:
            at = max(max(at, s[_MAY_CLOSE]), s[_FIRST_ACT] + f[_RAS]) + f[_RP]
        at = max(max(at, may_open[0]), s[_LAST_ACT] + f[_FAW]) + f[_RCD]
        s[_VECTOR_OPEN] = 1
    if f[_HOLDS]:
        at = max(at, s[_COMPUTED])
    s[_CLOCK] = at + f[_GWRITE]
    if not f[_TWO] and f[_VECTOR]:  # its row stands where the tile's will
        s[_MAY_CLOSE] = s[_CLOCK]
        opened[0] = 1


@kernel
def _estimate(f, s, opened, same_row, told, readres):
    """Return what the controller thinks that a tile takes."""
    closings, acts, ranks_open = f[0] * 0, f[0] * 0, f[0] * 0
    for r in range(f[_RANKS]):
        ranks_open += opened[r]
        if not (same_row and opened[r]):
            acts += f[_ACTS]
            closings += f[_CLOSINGS_OF_RANK] if opened[r] else 0
    acts = 1 if f[_AT_ONCE] and acts > 0 else acts
    closings = min(closings, f[_CLOSINGS])
    clocks = f[_RCD_COMP] + closings * f[_PRECHARGE_ESTIMATE] + (f[_CLOSE_ESTIMATE] if closings > 0 else 0)
    clocks += f[_FAW] * max(0, acts // f[_RANKS] - 1)
    return clocks + f[_STEP] * max(told, f[_FILL]) + f[_READRES_ESTIMATE] * (readres - 1), closings


@kernel
def _rows_held(f, s, acted):
    """Return when the first closing keeps tRAS: of the first group, or of all groups that it takes."""
    if f[_CLOSINGS_OF_RANK] > 1:
        return s[_FIRST_ACT] + f[_RAS]
    at = s[_LAST_ACT]
    for r in range(f[_RANKS]):
        at = min(at, acted[r]) if f[_CLOSINGS] > 1 else at
    return at + f[_RAS]


@kernel
def _open_rows(f, s, opened, may_open, acted, begin, closed_at):
    """Open a tile's rows from a clock on; return when the last G_ACT issues."""
    last, first, together = s[_CLOCK] * 0, NEVER, s[_CLOCK] * 0
    for r in range(f[_RANKS]):
        together = max(together, may_open[r])
    for r in range(f[_RANKS]):
        if opened[r]:
            continue
        at = max(max(begin, acted[r] + f[_FAW]), together if f[_AT_ONCE] else may_open[r])
        first = min(first, at)
        acted[r] = at + (f[_ACTS] - 1) * f[_FAW] + (0 if f[_AT_ONCE] else r)
        last = max(last, acted[r])
        opened[r] = 1
    s[_FIRST_ACT], s[_LAST_ACT] = first, max(last, closed_at + f[_RP])
    return s[_LAST_ACT]


@kernel
def _tile(f, s, opened, may_open, acted, row, dots, comps, ends):
    """Let a tile, or the part of one that a HEADER tells, take its clocks."""
    told = dots * 0 + 1
    while told < dots * comps:
        told *= 2
    while True:
        same_row = s[_ROW] == row
        clocks, closings = _estimate(f, s, opened, same_row, told, dots * ends)
        begin = max(max(s[_CLOCK], s[_MAY_CLOSE]), _rows_held(f, s, acted)) if closings > 0 else s[_CLOCK]
        if s[_DUE] - 1 - begin > clocks and s[_CLOCK] < s[_DUE]:
            break
        _refresh(f, s, opened, may_open)
    closed_at = begin - f[_RP]
    if closings > 0:
        closed_at = max(begin + closings - 1, s[_LAST_ACT] + f[_RAS] + f[_BEFORE_ACT] - 1)
    header = max(begin, closed_at + 1)
    compute = header + 1
    missing = f[0] * 0
    for r in range(f[_RANKS]):
        if not same_row:
            opened[r] = 0
        missing += 1 - opened[r]
    if missing > 0:
        before = begin + f[_BEFORE_ACT] - 1 + f[_RP] if closings > 0 else compute
        compute = _open_rows(f, s, opened, may_open, acted, max(compute, before), closed_at) + f[_RCD_COMP]
    compute = max(compute, s[_COMPUTED])
    if f[_COMPOSITE]:
        dot = f[_STEP] * (max(comps, f[_FILL]) + 1)
        last = compute + (dots - 1) * dot
        s[_COMPUTED] = last + dot
        s[_MAY_CLOSE] = s[_COMPUTED] if f[_HOLDS] else last + f[_CLOSE]
    else:
        dot = (comps - 1) * f[_STEP] + (max(f[_STEP], f[_READRES]) + f[_COLUMN] if ends else f[_STEP])
        last = compute + dots * dot - (f[_COLUMN] if ends else f[_STEP])
        s[_COMPUTED] = last + (f[_COLUMN] if ends else f[_STEP])
        s[_MAY_CLOSE] = last + (f[_RTP] if ends else f[_CLOSE])
    s[_CLOCK], s[_ROW] = last + 1, row
    if not f[_TWO]:
        s[_VECTOR_OPEN] = 0


@kernel
def run_parts(f, s, opened, may_open, acted, parts, first_row):
    """Let the tiles of a request take their clocks: int64 (5, parts), as `attention.tile_parts`."""
    for i in range(parts.shape[1]):
        if parts[1, i]:
            _gwrite(f, s, opened, may_open)
        _tile(f, s, opened, may_open, acted, first_row + parts[0, i], parts[2, i], parts[3, i], parts[4, i])


@functools.lru_cache(maxsize=64)
def _fields(device: PimDevice) -> np.ndarray:
    cfg, s, t, o = compile_device(device).cfg, device.standard, device.standard.timing, device.standard.organization
    value = lambda name: int(cfg[C[name]])  # noqa: E731
    last = device.last_column_clocks
    of_rank, precharge = o.bankgroups * o.banks, device.banks_of(device.precharge)
    values = {
        "interval": value("refresh_clocks"), "ranks": o.ranks, "closings": max(1, device.banks // precharge),
        "closings_of_rank": max(1, of_rank // precharge),
        "acts_of_rank": max(1, of_rank // device.banks_of(device.activate)),
        "all_ranks_at_once": device.activate == "channel", "tFAW": t["tFAW"], "tRP": t["tRP"], "tRAS": t["tRAS"],
        "tRFC": t["tRFC"], "tRCD": t["tRCDRD"], "tRCDcomp": s.clocks(device.activate_to_comp),
        "tRTP": s.clocks(AL + tRTP),
        "close": s.clocks(AL + tRTP) + last, "step": device.comp_clocks, "fill": ADDER_TREE_STEPS,
        "readres": max(device.comp_clocks, last + ADDER_TREE_STEPS * t["tCCD_S"]), "column": s.clocks(STEP),
        "composite": device.composite, "holds": device.dot_holds_row, "gwrite": value("gwrite_clocks"),
        "open_estimate": value("open_estimate"), "vector": device.vector_in_bank,
        "two_buffers": device.row_buffers == 2,
        "close_estimate": value("close_estimate"), "precharge_estimate": value("precharge_estimate"),
        "readres_estimate": value("readres_clocks"),
        "closings_before_act": max(1, device.banks_of(device.activate) // precharge),
    }  # fmt: skip
    return np.array([values[name] for name in FIELDS], np.int64)


@functools.lru_cache(maxsize=4096)
def _parts_alike(device: PimDevice, shape: AttentionShape, values: bool, kind: tuple[int, int]) -> np.ndarray:
    if values:
        tiles = v_tile_array(device, shape, kind[1] * device.lanes)
    else:
        tiles = k_tile_array(device, shape, kind[0] * device.banks)
    return np.ascontiguousarray(tile_parts(device, tiles), np.int64)


class _Channel:
    """A channel's clock as sums."""

    def __init__(self, device: PimDevice, start: int) -> None:
        self._f, self._s = _fields(device), np.zeros(len(STATE), np.int64)
        self._opened, self._may_open, self._acted = np.zeros((3, MOST_RANKS), np.int64)
        self._acted[:] = -(1 << 40)
        interval, o = int(self._f[_INTERVAL]), device.standard.organization
        done = start // interval if interval else 0
        self._s[_DUE] = (done + 1) * interval or NEVER
        self._s[_RANK], self._s[_ROW] = done % o.ranks, -1
        self._s[_FIRST_ACT] = self._s[_LAST_ACT] = self._s[_MAY_CLOSE] = self._s[_COMPUTED] = -(1 << 40)
        self._s[_CLOCK] = start
        self._first_row = 0

    def idle_until(self, clock: int) -> None:
        """Let refreshes pass."""
        while self._s[_DUE] < clock:
            _refresh(self._f, self._s, self._opened, self._may_open)
        self._s[_CLOCK] = max(self._s[_CLOCK], clock)

    def run(self, parts: np.ndarray) -> int:
        """Return the clocks of a request's tiles."""
        begin = int(self._s[_CLOCK])
        run_parts(self._f, self._s, self._opened, self._may_open, self._acted, parts, self._first_row)
        self._first_row += int(parts[0, -1]) + 1
        return int(self._s[_CLOCK]) - begin

    @property
    def clock(self) -> int:
        """The next clock."""
        return int(self._s[_CLOCK])


def estimate_attention(
    device: PimDevice, shape: AttentionShape, lengths: Sequence[int], channel_of: Sequence[int], start: int = 0
) -> AttentionResult:
    """Return what `run.run_attention` would, without traffic beside it and without counts, in a fraction of its time.

    Raises
    ------
    CodesignError
        As `run.run_attention`.
    """
    mine = requests_of_channels(device, lengths, channel_of)
    kinds = [tuple(alike(device, lengths[i]) for i in requests) for requests in mine]
    channels = {kind: _Channel(device, start) for kind in kinds}
    read_clocks = device.standard.timing["CL"] + device.standard.timing["BURST"]

    def ends_of(values: bool, begin: int) -> tuple[list[int], dict[tuple, int]]:
        """Return when each request's results are there, and the clocks of each kind of channel."""
        ends: dict[tuple, list[int]] = {}
        busy: dict[tuple, int] = {}
        for kind, channel in channels.items():
            channel.idle_until(begin)
            busy[kind], ends[kind] = 0, []
            for one in kind:
                busy[kind] += channel.run(_parts_alike(device, shape, values, one))
                ends[kind].append(channel.clock + read_clocks)
        by_request = [0] * len(lengths)
        for kind, requests in zip(kinds, mine, strict=True):
            for i, end in zip(requests, ends[kind], strict=True):
                by_request[i] = end
        return by_request, busy

    k_done, k_clocks = ends_of(False, start)
    softmax_done = in_order(k_done, [shape.local_heads] * len(lengths))
    v_done, v_clocks = ends_of(True, softmax_done)
    columns = -(-shape.head_size // device.banks)
    sums = [shape.local_heads * columns if length > device.page_operands else 0 for length in lengths]
    results = [
        ChannelResult(requests, {}, k_clocks[kind], v_clocks[kind]) for kind, requests in zip(kinds, mine, strict=True)
    ]
    return AttentionResult(results, softmax_done - start, in_order(v_done, sums) - start)
