"""The arrays that the DRAM kernel reads and writes, and how a standard is compiled into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulators.dram.constraints import ACT, COMMANDS, PRE, RD, RDA, REF, WR, WRA
from simulators.dram.mapping import positions, widths
from simulators.dram.standard import Standard
from workloads.errors import CodesignError, unknown_name

NEVER = np.int64(1) << 62
ROW_POLICIES = ("open", "closed")

CONFIG = (
    "channels", "ranks", "groups", "banks_of_group", "banks", "read_depth", "write_depth", "queue_depth",
    "drain_above", "hit_limit", "read_kind", "write_kind", "read_delay", "interval", "two_buses", "windows", "shift",
    "ch_at", "ra_at", "bg_at", "ba_at", "ro_at", "co_at", "ch_mask", "ra_mask", "bg_mask", "ba_mask", "ro_mask",
    "co_mask",
)  # fmt: skip
K = {name: i for i, name in enumerate(CONFIG)}

# Scalars of a channel.
CHANNEL = (
    "wake",  # next clock in which the channel can do anything
    "served",  # queue served last: round robin goes on behind it
    "reads", "writes", "queued",  # entries of the read queue and the write buffer; commands in all bank queues
    "draining",  # writes that the drain still moves
    "moved",  # the transaction queues changed: look again for one to move
    "refresh_at", "refresh_rank", "refresh_head", "refresh_waiting",  # next refresh due; ranks whose refresh waits
    "frozen",  # rank whose queues a waiting refresh freezes, -1 for none
    "open_reads",  # reads accepted and not yet issued
)  # fmt: skip
S = {name: i for i, name in enumerate(CHANNEL)}

COUNTERS = (
    "ACT", "PRE", "RD", "WR", "RDA", "WRA", "REF", "read_hits", "write_hits", "precharges_chosen", "active_rank_clocks",
    "reads", "writes", "merged_reads", "forwarded_reads", "merged_writes", "read_latency", "max_read_latency",
)  # fmt: skip
N = {name: i for i, name in enumerate(COUNTERS)}

GLOBALS = ("now", "offered", "next_id", "last_done", "free", "done", "traced", "record", "trace")
G = {name: i for i, name in enumerate(GLOBALS)}

# Columns of an entry: of a transaction queue, of a bank's command queue; a node of a list of merged reads.
A_ADDRESS, A_BANK, A_ROW, A_COLUMN, A_NODE, A_KIND, ENTRY = range(7)
NEXT, ACCEPT, ID, NODE = range(4)
REFRESH_RING = 64
LATENCIES = 16384
DONE = ("id", "accept", "complete", "channel")
TRACE = ("cycle", "command", "channel", "rank", "bankgroup", "bank", "row", "column")


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


class Dram(NamedTuple):
    """Tables and state of a memory; all int64.

    Attributes
    ----------
    k : (len(CONFIG),)
    rule_at : (commands + 1,)
        Where the rules of each command begin in `rules`.
    rules : (rules, 3)
        Scope, command after, delay.
    windows : (windows, 2)
        Activates, clocks.
    g : (len(GLOBALS),)
    s, counts : (channels, len(CHANNEL)), (channels, len(COUNTERS))
    reads, writes : (channels, depth, ENTRY)
    queues : (channels, banks, depth, ENTRY)
    held, wake, row, hits : (channels, banks)
        Entries of a queue; a lower bound of the clock in which it can issue; open row (-1 closed); hits since ACT.
    bank_at, group_at : (channels, banks or groups, commands)
        First clock in which a command may go.
    acts, acts_at, open_banks, open_since : (channels, ranks, longest window), (channels, ranks) each
    ring : (channels, REFRESH_RING)
        Ranks whose refresh waits.
    nodes : (requests in flight, NODE)
        Rings of reads that wait for the same data; a queue's entry names the last.
    histogram : (LATENCIES,)
        Reads by latency in clocks; the last holds all longer ones.
    done, trace : (room, len(DONE)), (room, len(TRACE))
        Completions and commands since the caller emptied them.
    """

    k: np.ndarray
    rule_at: np.ndarray
    rules: np.ndarray
    windows: np.ndarray
    g: np.ndarray
    s: np.ndarray
    counts: np.ndarray
    reads: np.ndarray
    writes: np.ndarray
    queues: np.ndarray
    held: np.ndarray
    wake: np.ndarray
    row: np.ndarray
    hits: np.ndarray
    bank_at: np.ndarray
    group_at: np.ndarray
    acts: np.ndarray
    acts_at: np.ndarray
    open_banks: np.ndarray
    open_since: np.ndarray
    ring: np.ndarray
    nodes: np.ndarray
    histogram: np.ndarray
    done: np.ndarray
    trace: np.ndarray


def compile_config(standard: Standard, channels: int, mapping: str, controller: Controller) -> np.ndarray:
    """Return the integers that the kernel reads, indexed by `K`."""
    o, bits = standard.organization, widths(standard, channels)
    at, closed, t = positions(mapping, bits), controller.row_policy == "closed", standard.timing
    values = {
        "channels": channels, "ranks": o.ranks, "groups": o.bankgroups, "banks_of_group": o.banks,
        "banks": o.bankgroups * o.banks, "read_depth": controller.read_depth, "write_depth": controller.write_depth,
        "queue_depth": controller.queue_depth, "drain_above": controller.drain_above,
        "hit_limit": controller.hit_limit, "read_kind": RDA if closed else RD, "write_kind": WRA if closed else WR,
        "read_delay": t["AL"] + t["CL"] + t["BURST"], "interval": t["tREFI"] // o.ranks if controller.refresh else 0,
        "two_buses": standard.row_and_column_bus, "windows": len(standard.windows),
        "shift": o.request_bytes.bit_length() - 1,
    }  # fmt: skip
    values |= {f"{name}_at": at[name] for name in bits} | {f"{name}_mask": (1 << bits[name]) - 1 for name in bits}
    return np.array([int(values[name]) for name in CONFIG], np.int64)


def compile_rules(standard: Standard, used: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return where each command's rules begin, and the rules between the commands in use."""
    rules: list[tuple[int, int, int]] = []
    begins = [0]
    for command in range(len(COMMANDS)):
        for c in standard.constraints:
            if c.before == command and command in used and c.after in used:
                rules.append((c.scope, c.after, standard.clocks(c.delay)))
        begins.append(len(rules))
    return np.array(begins, np.int64), np.array(rules, np.int64).reshape(-1, 3)


def new_dram(
    standard: Standard,
    channels: int,
    mapping: str,
    controller: Controller,
    in_flight: int = 1 << 12,
    record: bool = False,
    trace: bool = False,
) -> Dram:
    """Return an idle memory before clock 0; `record` keeps completions, `trace` keeps commands."""
    k, o = compile_config(standard, channels, mapping, controller), standard.organization
    used = (ACT, PRE, REF, *((RDA, WRA) if controller.row_policy == "closed" else (RD, WR)))
    rule_at, rules = compile_rules(standard, used)
    windows = np.array([(w.count, standard.clocks(w.span)) for w in standard.windows], np.int64).reshape(-1, 2)
    banks, longest = o.ranks * o.bankgroups * o.banks, max([1, *windows[:, 0]])
    zeros = lambda *shape: np.zeros((channels, *shape), np.int64)  # noqa: E731
    s = zeros(len(CHANNEL))
    s[:, S["refresh_at"]] = k[K["interval"]] or NEVER
    s[:, S["frozen"]] = -1
    s[:, S["wake"]] = s[:, S["refresh_at"]]
    room = 4 * in_flight if record else 1
    d = Dram(
        k, rule_at, rules, windows, np.zeros(len(GLOBALS), np.int64), s, zeros(len(COUNTERS)),
        zeros(controller.read_depth, ENTRY), zeros(controller.write_depth, ENTRY),
        zeros(banks, controller.queue_depth, ENTRY), zeros(banks), zeros(banks) + NEVER, zeros(banks) - 1, zeros(banks),
        zeros(banks, len(COMMANDS)), zeros(o.ranks * o.bankgroups, len(COMMANDS)),
        zeros(o.ranks, longest) - NEVER, zeros(o.ranks), zeros(o.ranks), zeros(o.ranks), zeros(REFRESH_RING),
        np.zeros((in_flight, NODE), np.int64), np.zeros(LATENCIES, np.int64),
        np.zeros((room, len(DONE)), np.int64), np.zeros((1 << 14 if trace else 1, len(TRACE)), np.int64),
    )  # fmt: skip
    d.nodes[:-1, NEXT] = np.arange(1, in_flight)
    d.nodes[-1, NEXT] = -1
    d.g[G["record"]], d.g[G["trace"]], d.g[G["last_done"]] = record, trace, -1
    return d


def grown(d: Dram) -> Dram:
    """Return the memory with twice the nodes for reads in flight (all were in use)."""
    old, record = len(d.nodes), d.g[G["record"]]
    nodes = np.zeros((2 * old, NODE), np.int64)
    nodes[:old] = d.nodes
    nodes[old:-1, NEXT] = np.arange(old + 1, 2 * old)
    nodes[-1, NEXT] = d.g[G["free"]]
    d.g[G["free"]] = old
    return d._replace(nodes=nodes, done=np.zeros((8 * old if record else 1, len(DONE)), np.int64))
