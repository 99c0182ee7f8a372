"""What twice as much of one thing would give: the network simulated again on the changed machine, mapped anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from simulators.machine import Machine
from workloads.errors import CodesignError
from workloads.formats import parse_format

if TYPE_CHECKING:
    from codesign.result import Result

#: Memories on the chip that are doubled together; fields of the machine.
BUFFERS = ("scratchpad", "weight_buffer", "accumulator", "parameter_buffer")


@dataclass(frozen=True)
class WhatIf:
    """The effect of one change.

    Attributes
    ----------
    what : str
        What is doubled, in words.
    cycles, latency_s, energy_pj, area_um2 : int, float
        Of the changed machine.
    speedup, energy_ratio, area_ratio : float
        Time before over after; energy and area after over before.
    note : str
        Why there is no figure; empty when there is one.
    """

    what: str
    cycles: int = 0
    latency_s: float = 0.0
    energy_pj: float = 0.0
    area_um2: float = 0.0
    speedup: float = 0.0
    energy_ratio: float = 0.0
    area_ratio: float = 0.0
    note: str = ""


def _bandwidth(machine: Machine) -> dict[str, Any]:
    memory, dma = machine.memory, machine.dma
    more: dict[str, Any] = {"bytes_per_cycle": 2 * memory.bytes_per_cycle}
    if memory.model == "dram":  # its bandwidth is that of its channels
        from simulators.dram.standards import standard_named

        more = {"channels": 2 * (memory.channels or standard_named(memory.standard).channels)}
    return {
        "memory": memory.model_copy(update=more),
        "dma": dma.model_copy(
            update={"bus_bytes": 2 * dma.bus_bytes, "burst_bytes": max(dma.burst_bytes, 2 * dma.bus_bytes)}
        ),
    }


def _buffers(machine: Machine) -> dict[str, Any]:
    return {
        name: buffer.model_copy(update={"size_bytes": 2 * buffer.size_bytes})
        for name in BUFFERS
        if (buffer := getattr(machine, name)) is not None
    }


def _array(machine: Machine) -> dict[str, Any]:
    """Twice the rows and columns; a weight buffer too small for two of its tiles grows to hold them."""
    array, buffer = machine.array, machine.weight_buffer
    more: dict[str, Any] = {"array": array.model_copy(update={"rows": 2 * array.rows, "cols": 2 * array.cols})}
    if buffer is not None:
        tile_bytes = 4 * array.rows * array.cols * parse_format(array.pe.weight).bits // 8
        more["weight_buffer"] = buffer.model_copy(update={"size_bytes": max(buffer.size_bytes, 2 * tile_bytes)})
    return more


def _clock(machine: Machine) -> dict[str, Any]:
    """The memory keeps its own clock, so its bandwidth in bytes a second stays."""
    own = machine.memory.clock_hz or machine.clock_hz
    return {"clock_hz": 2 * machine.clock_hz, "memory": machine.memory.model_copy(update={"clock_hz": own})}


#: What is doubled, and how.
CHANGES: dict[str, Callable[[Machine], dict[str, Any]]] = {
    "bandwidth (memory and DMA bus)": _bandwidth,
    "buffers": _buffers,
    "array (rows and columns)": _array,
    "clock (memory as it is)": _clock,
}


def what_if(result: Result) -> list[WhatIf]:
    """Return the simulated effect of each of `CHANGES` on a result's network.

    The fidelity is the result's (`cycle` for `exact`); every changed machine gets a mapping of its own.

    Raises
    ------
    CodesignError
        When the result holds no simulation (one that was read from a file).
    """
    if result.simulation is None:
        raise CodesignError("what_if: this result was read from a file; run the network again")
    return [_changed(result, what, change) for what, change in CHANGES.items()]


def _changed(result: Result, what: str, change: Callable[[Machine], dict[str, Any]]) -> WhatIf:
    from codesign.assemble import assemble
    from simulators.npu.simulate import simulate

    machine, trace = result.simulation.machine, result.simulation.trace
    fidelity = "fast" if result.fidelity == "fast" else "cycle"
    try:
        updated = Machine.model_validate(machine.model_copy(update=change(machine)).model_dump())
        simulation = simulate(trace, updated, fidelity=fidelity, allow_host=True, partition=result.simulation.partition)
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return WhatIf(what, note=": ".join(filter(None, [place, first["msg"].removeprefix("Value error, ")])))
    except CodesignError as fault:
        return WhatIf(what, note=str(fault).splitlines()[0])
    after = assemble(simulation, result.network, result.weights, [])
    return WhatIf(
        what, after.cycles, after.latency_s, after.energy_pj["total"], after.area_um2["total"],
        _ratio(result.latency_s, after.latency_s), _ratio(after.energy_pj["total"], result.energy_pj["total"]),
        _ratio(after.area_um2["total"], result.area_um2["total"]),
    )  # fmt: skip


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
