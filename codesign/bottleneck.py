"""What binds a layer, in words, from the counters of its simulation.

Every cycle of a layer on the array belongs to exactly one class (see ``docs/npu.md``), so the classes sum to the
cycles, and the largest class names the bottleneck. Waiting for loads or stores is then traced further: to the
memory's bandwidth, its latency, or the DMA's bus. Where memory or bus move data for more cycles than the largest class
has, what the array does meanwhile hides behind them, and they are the bottleneck.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codesign.report.units import percent
from simulators.machine import Machine
from workloads.formats import parse_format

Counts = Mapping[str, int]

#: Classes in which the array waits for another engine: a layer's stall cycles.
STALLS = ("wait_load", "wait_vector", "wait_store", "wait_queue")

_ARRAY_CLASSES = {
    "array_busy": "array_cycles",
    "array_drain": "drain_cycles",
    "wait_array": "execute_wait_array",
    "wait_load": "execute_wait_token_load",
    "wait_vector": "execute_wait_token_vector",
    "wait_store": "execute_wait_token_store",
    "wait_queue": "execute_wait_queue",
}


@dataclass(frozen=True)
class Bottleneck:
    """What binds a layer.

    Attributes
    ----------
    resource : str
        ``array``, ``fill and drain``, ``vector``, ``DRAM``, ``DRAM-latency``, ``DMA``, ``write-back`` or ``nothing``.
    share : float
        Share of the layer's cycles.
    text : str
        Both in one phrase.
    """

    resource: str
    share: float
    text: str


def cycle_classes(where: str, cycles: int, counts: Counts) -> dict[str, int]:
    """Return the cycles of a layer by class; they sum to `cycles`.

    ``tail`` is what passes after the last execute command has issued: the array drains, the vector unit
    finishes, the last results are stored. A layer on the vector unit has the classes ``vector_busy``,
    ``wait_token`` and ``tail``; one that only copies is all ``transfer``.
    """
    if where == "array":
        classes = {name: counts[counter] for name, counter in _ARRAY_CLASSES.items()}
    elif where == "vector":
        classes = {"vector_busy": counts["vector_cycles"], "wait_token": counts["vector_wait_token"]}
    elif where == "dma":
        return {"transfer": cycles}
    else:
        return {}
    return {**classes, "tail": cycles - sum(classes.values())}


def stall_cycles(where: str, cycles: int, counts: Counts) -> int:
    """Return the cycles in which the engine that does the layer's work waits for another one.

    A layer on the array waits in the classes `STALLS`; one on the vector unit for tokens. The rest, fill and
    drain included, is compute.
    """
    classes = cycle_classes(where, cycles, counts)
    return sum(classes.get(name, 0) for name in (*STALLS, "wait_token"))


def busy_cycles(where: str, counts: Counts) -> int:
    """Return the cycles in which the layer's engine takes new operands every cycle."""
    return counts["vector_cycles"] if where == "vector" else counts["array_cycles"]


def find_bottleneck(machine: Machine, where: str, cycles: int, counts: Counts, fidelity: str) -> Bottleneck:
    """Return what binds a layer.

    Parameters
    ----------
    where : str
        The engine that does the layer's work: ``array``, ``vector``, ``dma``, ``view`` or ``host``.
    counts : mapping
        The layer's counters by name.
    fidelity : str
        `fast` counts no waits, so there the largest work over its rate names the bottleneck.
    """
    if cycles <= 0:
        return Bottleneck("nothing", 0.0, "free: an address calculation" if where == "view" else "not on this machine")
    if where == "array" and fidelity != "fast":
        return _by_class(machine, cycles, counts)
    return _by_rate(machine, where, cycles, counts)


def _by_class(machine: Machine, cycles: int, counts: Counts) -> Bottleneck:
    classes = cycle_classes("array", cycles, counts)
    classes[_behind_the_queue(counts)] += classes.pop("wait_queue")
    groups = {
        "array": classes["array_busy"],
        "fill and drain": classes["array_drain"] + classes["wait_array"],
        "load": classes["wait_load"],
        "vector": classes["wait_vector"],
        "store": classes["wait_store"],
        "write-back": classes["tail"],
    }
    name = max(groups, key=lambda group: groups[group])
    share = groups[name] / cycles
    moving = {"DRAM": memory_cycles(machine, counts), "DMA": max(counts["load_beats"], counts["store_beats"])}
    mover = max(moving, key=lambda resource: moving[resource])
    if name not in ("load", "store") and moving[mover] > groups[name]:
        share = min(1.0, moving[mover] / cycles)
        return Bottleneck(mover, share, f"{mover}-bound ({percent(share)} of cycles transfer)")
    if name == "array":
        used = counts["mapped_pes"] / max(1, counts["folds"] * machine.array.rows * machine.array.cols)
        text = f"array-bound ({percent(share)} of cycles stream, {percent(used)} of PEs used)"
        return Bottleneck("array", share, text)
    if name == "fill and drain":
        return Bottleneck(name, share, f"fill/drain-bound ({percent(share)} of cycles fill or drain the array)")
    if name == "write-back":
        return Bottleneck(name, share, f"write-back-bound ({percent(share)} of cycles after the last multiply)")
    name = _waits_behind(name, counts)
    if name == "vector":
        return Bottleneck("vector", share, f"vector-bound ({percent(share)} of cycles wait on the vector unit)")
    resource = memory_resource(machine, cycles, counts, stores=name == "store")
    what = _largest_load(machine, counts) if name == "load" else "stores"
    return Bottleneck(resource, share, f"{resource}-bound ({percent(share)} of cycles wait on {what})")


def _work(counts: Counts) -> dict[str, int]:
    """Return the cycles in which each engine behind the array works or waits for the memory."""
    return {
        "load": counts["load_beats"] + counts["load_wait_memory"],
        "vector": counts["vector_cycles"],
        "store": counts["store_beats"] + counts["store_wait_memory"],
    }


def _waits_behind(name: str, counts: Counts) -> str:
    """Return what the engine that the array waits for waits for itself: the one with most work, or itself.

    A load that mostly waits for a token waits for room, which the slower engines down the line give back.
    """
    work = _work(counts)
    if work[name] >= counts[f"{name}_wait_token"]:
        return name
    return max(work, key=lambda engine: work[engine])


def _behind_the_queue(counts: Counts) -> str:
    """Return the wait of the engine whose full queue keeps the sequencer from the array's: the one with most work."""
    work = _work(counts)
    return "wait_" + max(work, key=lambda engine: work[engine])


def _by_rate(machine: Machine, where: str, cycles: int, counts: Counts) -> Bottleneck:
    """Name the engine whose work over its rate is largest, or latency when none reaches half of the cycles."""
    work = {
        "array": counts["array_cycles"] + counts["drain_cycles"],
        "vector": counts["vector_cycles"],
        "DRAM": memory_cycles(machine, counts),
        "DMA": max(counts["load_beats"], counts["store_beats"]),
    }
    name = max(work, key=lambda resource: work[resource])
    share = min(1.0, work[name] / cycles)
    if share < 0.5 and where == "array":
        rest = 1 - work["array"] / cycles
        return Bottleneck("fill and drain", rest, f"latency-bound ({percent(rest)} of cycles fill, drain or wait)")
    if share < 0.5 and work["DRAM"] > 0:
        return Bottleneck("DRAM-latency", 1 - share, f"DRAM-latency-bound ({percent(1 - share)} of cycles wait)")
    verb = {"array": "stream", "vector": "compute"}.get(name, "transfer")
    return Bottleneck(name, share, f"{name}-bound ({percent(share)} of cycles {verb})")


def memory_cycles(machine: Machine, counts: Counts) -> float:
    """Return the machine cycles that a layer's DRAM bytes take at full bandwidth."""
    rate = machine.memory.bytes_per_cycle * machine.memory_clock_ratio
    return float((counts["dram_read_bytes"] + counts["dram_write_bytes"]) / rate)


def memory_resource(machine: Machine, cycles: int, counts: Counts, stores: bool) -> str:
    """Return what a wait for loads or stores is made of: ``DRAM`` bandwidth, ``DRAM-latency``, or the ``DMA``."""
    side = "store" if stores else "load"
    waits, beats = counts[f"{side}_wait_memory"], counts[f"{side}_beats"]
    if waits >= beats:
        return "DRAM" if memory_cycles(machine, counts) >= cycles / 2 else "DRAM-latency"
    slower = machine.memory.bytes_per_cycle * machine.memory_clock_ratio <= machine.dma.bus_bytes
    return "DRAM" if slower else "DMA"


def _largest_load(machine: Machine, counts: Counts) -> str:
    pe = machine.array.pe
    bits = {
        "inputs": counts["scratchpad_write_elements"] * parse_format(pe.activation).bits,
        "weights": counts["weight_write_elements"] * parse_format(pe.weight).bits,
        "parameters": counts["parameter_write_elements"] * 32,
    }
    return max(bits, key=lambda name: bits[name])
