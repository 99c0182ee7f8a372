"""A DRAM as one int64 array: configuration, tables and state at named places. A standard is compiled into it.

One array keeps calls between kernels cheap, and lets a memory stand wherever an array may (the NPU's memory port).
Names in capitals are places: H of the header, S of a channel's scalars, N of its counters; a channel's arrays begin at
its base plus an offset that the header holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.dram.constraints import (
    ACT,
    BANK,
    COMMANDS,
    GROUP,
    OTHER_RANKS,
    PRE,
    RANK,
    RD,
    RDA,
    REF,
    WHOLE_RANK,
    WR,
    WRA,
)
from simulators.dram.mapping import positions, widths
from simulators.dram.standard import Standard
from workloads.errors import CodesignError, unknown_name

NEVER = np.int64(1) << 62
ROW_POLICIES = ("open", "closed")

_CONFIG = (
    "channels", "ranks", "groups", "banks_of_group", "banks", "all_banks", "all_groups", "read_depth", "write_depth",
    "queue_depth", "drain_above", "hit_limit", "read_kind", "write_kind", "read_delay", "interval", "two_buses",
    "windows", "window_longest", "shift", "banks_log2", "banks_of_group_log2",
    "ch_at", "ra_at", "bg_at", "ba_at", "ro_at", "co_at", "ch_mask", "ra_mask",
    "bg_mask", "ba_mask", "ro_mask", "co_mask",
)  # fmt: skip
_GLOBALS = ("now", "offered", "next_id", "last_done", "free", "done", "traced", "record", "trace")
_TABLES = ("delays", "reach", "spans", "window", "channel0", "channel_size", "nodes", "node_count", "histogram",
           "done_at", "done_room", "trace_at", "trace_room")  # fmt: skip
# Arrays of a channel: wake is a clock before which nothing of a bank's queue can be ready; row -1 is closed; a
# transaction queue is slots, their order, and the bank of each place in the order; `filter` counts waiting addresses
# by a hash, four counters a word; `matches` counts the entries of a bank's queue that go to its open row.
_ARRAYS = (
    "wake", "held", "row", "hits", "bank_at", "group_at", "acts", "acts_at", "open_banks", "open_since", "ring",
    "read_order", "read_bank", "reads", "write_order", "write_bank", "writes", "queues", "filter", "matches",
)  # fmt: skip
HEADER = (*_CONFIG, *_GLOBALS, *_TABLES, *_ARRAYS)
H = {name: i for i, name in enumerate(HEADER)}

_SCALARS = (
    "wake_at",  # next clock in which the channel can do anything
    "served",  # bank served last: round robin goes on behind it
    "read_count", "write_count", "queued",  # reads and writes not yet in a bank's queue; commands in all bank queues
    "blocked",  # so many first places of the read queue are known to wait for full bank queues
    "draining",  # writes that the drain still moves
    "moved",  # the transaction queues changed: look again for one to move
    "refresh_at", "refresh_rank", "refresh_head", "refresh_waiting",  # next refresh due; ranks whose refresh waits
    "frozen",  # rank whose bank queues a waiting refresh holds back, -1 for none
    "open_reads",  # reads accepted and not yet issued
)  # fmt: skip
COUNTERS = (
    *COMMANDS, "read_hits", "write_hits", "precharges_chosen", "active_rank_clocks", "reads", "writes", "merged_reads",
    "forwarded_reads", "merged_writes", "read_latency", "max_read_latency",
)  # fmt: skip
S = {name: i for i, name in enumerate(_SCALARS)}
N = {name: i + len(_SCALARS) for i, name in enumerate(COUNTERS)}

# An entry of a transaction queue and of a bank's queue; TAG is column * 8 + command.
ADDRESS, ROW, TAG, LAST_NODE, ENTRY = range(5)
# A node of a ring of reads that wait for the same data.
NEXT, ACCEPT, ID, NODE = range(4)
REFRESH_RING, LATENCIES, FILTER, STEP = 64, 16384, 512, 8
MOST_WAITING = (1 << 16) - 1  # what a counter of the filter holds
DONE = ("id", "accept", "complete", "channel")
TRACE = ("cycle", "command", "channel", "rank", "bankgroup", "bank", "row", "column")
NONE = -NEVER
U = np.uint64  # indices of inner loops: an unsigned one needs no check for counting from the end
RELATIONS = (BANK, GROUP, RANK, OTHER_RANKS)


@dataclass(frozen=True)
class Controller:
    """The controller's queues and rules; defaults are those of the reference runs.

    Attributes
    ----------
    read_depth, write_depth, queue_depth : int
        Entries of the read queue, the write buffer, and each bank's command queue.
    drain_above : int
        With all bank queues empty, a drain starts above this many writes.
    hit_limit : int
        Hits of an open row after which a waiting miss may close it.
    row_policy : str
        `open`, or `closed`: every column command closes its bank.
    refresh : bool
    """

    read_depth: int = 32
    write_depth: int = 32
    queue_depth: int = 8
    drain_above: int = 8
    hit_limit: int = 4
    row_policy: str = "open"
    refresh: bool = True

    def __post_init__(self) -> None:
        if self.row_policy not in ROW_POLICIES:
            raise unknown_name("row policy", "row policy", self.row_policy, ROW_POLICIES)
        for name in ("read_depth", "write_depth", "queue_depth"):
            if not 1 <= getattr(self, name) <= 4096:
                raise CodesignError(f"controller: {name} {getattr(self, name)} is not within 1 and 4096")


def compile_config(standard: Standard, channels: int, mapping: str, controller: Controller) -> dict[str, int]:
    """Return the header's configuration by name."""
    o, bits = standard.organization, widths(standard, channels)
    at, closed, t = positions(mapping, bits), controller.row_policy == "closed", standard.timing
    banks = o.bankgroups * o.banks
    values = {
        "channels": channels, "ranks": o.ranks, "groups": o.bankgroups, "banks_of_group": o.banks, "banks": banks,
        "all_banks": o.ranks * banks, "all_groups": o.ranks * o.bankgroups,
        "read_depth": controller.read_depth, "write_depth": controller.write_depth,
        "queue_depth": controller.queue_depth, "drain_above": controller.drain_above,
        "hit_limit": controller.hit_limit, "read_kind": RDA if closed else RD, "write_kind": WRA if closed else WR,
        "read_delay": t["AL"] + t["CL"] + t["BURST"], "interval": t["tREFI"] // o.ranks if controller.refresh else 0,
        "two_buses": standard.row_and_column_bus, "windows": len(standard.windows),
        "window_longest": max([1, *(w.count for w in standard.windows)]), "shift": o.request_bytes.bit_length() - 1,
        "banks_log2": banks.bit_length() - 1, "banks_of_group_log2": o.banks.bit_length() - 1,
    }  # fmt: skip
    waiting = max(controller.read_depth, controller.write_depth) + values["all_banks"] * controller.queue_depth
    if waiting > MOST_WAITING:
        raise CodesignError(f"controller: {waiting} requests may wait in a channel; at most {MOST_WAITING}")
    values |= {f"{name}_at": at[name] for name in bits} | {f"{name}_mask": (1 << bits[name]) - 1 for name in bits}
    return {name: int(values[name]) for name in _CONFIG}


def compile_delays(standard: Standard, row_policy: str = "open") -> np.ndarray:
    """Return delays, int64 (commands, relations, STEP): clocks from a command to one after it, NONE where free (or 0).

    Relations are those of the place of the second command to that of the first: `RELATIONS`. Rows of commands that the
    row policy never issues are left free.
    """
    used = (ACT, PRE, REF, *((RDA, WRA) if row_policy == "closed" else (RD, WR)))
    delays = np.full((len(COMMANDS), len(RELATIONS), STEP), NONE, np.int64)
    for c in standard.constraints:
        for scope in (GROUP, RANK) if c.scope == WHOLE_RANK else (c.scope,):
            if c.before in used and c.after in used:
                delays[c.before, scope, c.after] = max(delays[c.before, scope, c.after], standard.clocks(c.delay))
    delays[delays <= 0] = NONE
    return delays


def _spans(delays: np.ndarray) -> list[int]:
    """Return (first, end) of the commands that each command delays in each relation, flat."""
    found = [np.flatnonzero(row > NONE) for row in delays.reshape(-1, STEP)]
    return [int(at) for row in found for at in ((row[0], row[-1] + 1) if len(row) else (0, 0))]


def _array_sizes(v: dict[str, int]) -> dict[str, int]:
    banks, ranks = v["all_banks"], v["ranks"]
    return {
        "wake": banks, "held": banks, "row": banks, "hits": banks, "bank_at": banks * STEP,
        "group_at": v["all_groups"] * STEP, "acts": ranks * v["window_longest"], "acts_at": ranks,
        "open_banks": ranks, "open_since": ranks, "ring": REFRESH_RING,
        "read_order": v["read_depth"], "read_bank": v["read_depth"], "reads": v["read_depth"] * ENTRY,
        "write_order": v["write_depth"], "write_bank": v["write_depth"], "writes": v["write_depth"] * ENTRY,
        "queues": banks * v["queue_depth"] * ENTRY, "filter": 2 * FILTER // 4, "matches": banks,
    }  # fmt: skip


def new_dram(
    standard: Standard,
    channels: int,
    mapping: str,
    controller: Controller,
    in_flight: int = 1 << 12,
    record: bool = False,
    trace: bool = False,
) -> np.ndarray:
    """Return an idle memory before clock 0; `record` keeps completions, `trace` keeps commands."""
    v = compile_config(standard, channels, mapping, controller)
    delays = compile_delays(standard, controller.row_policy)
    at = len(_SCALARS) + len(COUNTERS)
    for name, size in _array_sizes(v).items():
        v[name], at = at, at + size
    v["channel_size"] = at
    reach = [int((delays[c, GROUP:RANK + 1] > NONE).any()) + 2 * int((delays[c, OTHER_RANKS] > NONE).any())
             for c in range(len(COMMANDS))]  # fmt: skip
    spans = _spans(delays)
    windows = [value for w in standard.windows for value in (w.count, standard.clocks(w.span))]
    v |= {"node_count": in_flight, "done_room": 4 * in_flight if record else 0, "trace_room": (1 << 14) * trace}
    place = len(HEADER)
    for name, size in (
        ("delays", delays.size), ("reach", len(reach)), ("spans", len(spans)), ("window", len(windows)),
        ("channel0", channels * v["channel_size"]), ("histogram", LATENCIES),
        ("trace_at", v["trace_room"] * len(TRACE)),
        ("nodes", in_flight * NODE), ("done_at", v["done_room"] * len(DONE)),
    ):  # fmt: skip
        v[name], place = place, place + size
    v |= {"record": int(record), "trace": int(trace), "last_done": -1}
    m = np.zeros(place, np.int64)
    for name, value in v.items():
        m[H[name]] = value
    m[v["delays"] : v["delays"] + delays.size] = delays.ravel()
    m[v["reach"] : v["reach"] + len(reach)] = reach
    m[v["spans"] : v["spans"] + len(spans)] = spans
    m[v["window"] : v["window"] + len(windows)] = windows
    _link_nodes(m, 0, in_flight, -1)
    for ch in range(channels):
        _reset_channel(m, v, v["channel0"] + ch * v["channel_size"])
    return m


def _link_nodes(m: np.ndarray, begin: int, end: int, then: int) -> None:
    nodes = m[m[H["nodes"]] : m[H["nodes"]] + end * NODE].reshape(end, NODE)
    nodes[begin:end, NEXT] = np.arange(begin + 1, end + 1)
    nodes[end - 1, NEXT] = then
    m[H["free"]] = begin


def _reset_channel(m: np.ndarray, v: dict[str, int], base: int) -> None:
    sizes = _array_sizes(v)
    for name, value in (("wake", NEVER), ("row", -1), ("acts", NONE)):
        m[base + v[name] : base + v[name] + sizes[name]] = value
    for name in ("read_order", "write_order"):
        m[base + v[name] : base + v[name] + sizes[name]] = np.arange(sizes[name])
    m[base + S["refresh_at"]] = m[base + S["wake_at"]] = v["interval"] or NEVER
    m[base + S["frozen"]] = -1


def channel_counts(m: np.ndarray, ch: int, clocks: int) -> dict[str, int]:
    """Return a channel's counters (`COUNTERS`) over its first `clocks` clocks, open banks counted to the end."""
    c = int(m[H["channel0"]]) + ch * int(m[H["channel_size"]])
    counts = {name: int(m[c + N[name]]) for name in COUNTERS}
    for rank in range(m[H["ranks"]]):
        if m[c + m[H["open_banks"]] + rank]:
            counts["active_rank_clocks"] += max(0, clocks - int(m[c + m[H["open_since"]] + rank]))
    return counts


def grown(m: np.ndarray) -> np.ndarray:
    """Return the memory with twice the nodes for reads in flight (all were in use), completions taken out."""
    old, record = int(m[H["node_count"]]), int(m[H["record"]])
    end = int(m[H["nodes"]]) + old * NODE
    more = np.zeros(end + old * NODE + (8 * old * len(DONE) if record else 0), np.int64)
    more[:end] = m[:end]
    more[H["node_count"]], more[H["done_at"]], more[H["done"]] = 2 * old, end + old * NODE, 0
    more[H["done_room"]] = 8 * old if record else 0
    _link_nodes(more, old, 2 * old, int(m[H["free"]]))
    return more
