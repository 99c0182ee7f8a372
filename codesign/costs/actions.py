"""What each action costs: one row for each (component, action), tied to one counter of `simulators.activity`.

A memory's energy per element is the energy of one access of the word that the port moves, over the elements of that word:
array ports move the array's word, the DMA a beat, the vector unit a word of its lanes (`structure`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from codesign.costs import structure
from codesign.costs.area import area, vector_multiplier
from codesign.costs.arithmetic import add, mac, multiply, supply_v
from codesign.costs.clock import clock_energy, register_energy
from codesign.costs.dram import dram_energy
from codesign.costs.figures import Figure
from codesign.costs.leakage import logic_leakage, sram_leakage
from codesign.costs.scaling import carry_energy
from codesign.costs.sram import sram_energy
from codesign.costs.wires import distance_mm, wire_energy
from simulators.machine import Machine

COMPONENTS = (
    "array", "clock", "scratchpad", "weight_buffer", "accumulator", "parameter_buffer", "vector", "dma", "dram", "wires", "leakage",
)  # fmt: skip


@dataclass(frozen=True)
class ActionCost:
    """The energy of one action.

    Attributes
    ----------
    component, action : str
        One of `COMPONENTS`, and what it does.
    counter : str
        The counter of `simulators.activity.COUNTERS` that counts it.
    pj, raw_pj : float
        Energy per count, with and without calibration factors.
    node_nm : int or None
        The source's own node.
    source, status, law : str
        Provenance, as in `figures.Figure`.
    """

    component: str
    action: str
    counter: str
    pj: float
    raw_pj: float
    node_nm: int | None
    source: str
    status: str
    law: str


_Rows = Iterator[tuple[str, str, Figure]]


def action_costs(machine: Machine) -> list[ActionCost]:
    """Return the cost of every action of a machine, by component in the order of `COMPONENTS`. None is zero."""
    costs = []
    for component in COMPONENTS:
        for action, counter, figure in _ROWS[component](machine):
            if figure.value == 0:
                continue
            costs.append(
                ActionCost(
                    component, action, counter, figure.value, figure.raw,
                    figure.node_nm, figure.source, figure.status, figure.law,
                )
            )  # fmt: skip
    return costs


def _carried(machine: Machine, figure: Figure) -> Figure:
    return carry_energy(figure, machine.technology, supply_v(machine.technology.arithmetic))


def _mac(machine: Machine) -> Figure:
    pe = machine.array.pe
    return _carried(machine, mac(machine.technology.arithmetic, pe.activation, pe.weight, pe.accumulator))


def _slot_bits(machine: Machine) -> int:
    """Register bits of a PE through which data pass with each vector or step."""
    return structure.streamed_bits(machine) + structure.product_bits(machine) + structure.widths(machine).accumulator


def _lane(machine: Machine) -> Figure:
    profile, name = machine.technology.arithmetic, machine.array.pe.accumulator
    lane = _carried(machine, multiply(profile, name, vector_multiplier(name)).plus(add(profile, name)))
    return lane.times(1, "a multiply and an add, whatever the function", "assumed")


def _array(machine: Machine) -> _Rows:
    technology, array = machine.technology, machine.array
    pes = array.rows * array.cols
    yield "multiply-accumulate", "macs", _mac(machine)
    yield "PE registers, used or idle", "mac_slots", register_energy(technology, _slot_bits(machine))
    yield "skew registers", "array_cycles", register_energy(technology, structure.skew_register_bits(machine))
    if array.dataflow == "os":
        if array.os_drain == "shifted":
            yield "drain", "drain_cycles", register_energy(technology, pes * structure.widths(machine).accumulator)
    else:
        yield "preload", "preload_cycles", register_energy(technology, array.cols * structure.stationary_bits(machine))


def _clock(machine: Machine) -> _Rows:
    bits = structure.clocked_register_bits(machine)
    yield "clock of the registers", "cycles", clock_energy(machine.technology, bits)


def _access(machine: Machine, name: str, metric: str, word_bits: int, element_bits: int) -> Figure:
    """Energy of an element through a port that moves words of `word_bits`: an access over the elements of a word."""
    memory = structure.memory(machine, name, word_bits)
    elements = max(word_bits / element_bits, 1.0)
    accesses = max(element_bits / word_bits, 1.0)
    figure = sram_energy(memory, metric, machine.technology)
    law = f"{structure.ports(machine, name)}, word of {word_bits} bit"
    return replace(figure.times(accesses / elements), law="; ".join(filter(None, (figure.law, law))))


def _vector_word(machine: Machine, element_bits: int) -> int:
    """Bits that the vector unit moves in a cycle: its lanes, or the array's columns where there is none."""
    return (machine.vector.lanes if machine.vector else machine.array.cols) * element_bits


def _scratchpad(machine: Machine) -> _Rows:
    bits, beat = structure.widths(machine).activation, 8 * machine.dma.bus_bytes
    array, lanes = structure.array_word_bits(machine)["scratchpad"], _vector_word(machine, bits)
    for action, counter, metric, word in (
        ("read by the array", "scratchpad_read_elements", "read_pj", array),
        ("write by loads", "scratchpad_write_elements", "write_pj", beat),
        ("read by the vector unit", "vector_scratchpad_reads", "read_pj", lanes),
        ("write by the vector unit", "vector_scratchpad_writes", "write_pj", lanes),
        ("read by stores", "store_scratchpad_reads", "read_pj", beat),
    ):
        yield action, counter, _access(machine, "scratchpad", metric, word, bits)


def _weight_buffer(machine: Machine) -> _Rows:
    bits, beat = structure.widths(machine).weight, 8 * machine.dma.bus_bytes
    word = structure.array_word_bits(machine)["weight_buffer"]
    yield "read by the array", "weight_read_elements", _access(machine, "weight_buffer", "read_pj", word, bits)
    yield "write by loads", "weight_write_elements", _access(machine, "weight_buffer", "write_pj", beat, bits)


def _accumulator(machine: Machine) -> _Rows:
    bits = structure.widths(machine).accumulator
    word, lanes = structure.array_word_bits(machine)["accumulator"], _vector_word(machine, bits)
    adder = _carried(machine, add(machine.technology.arithmetic, machine.array.pe.accumulator))
    yield "read to accumulate", "accumulator_read_elements", _access(machine, "accumulator", "read_pj", word, bits)
    yield "add", "accumulator_read_elements", adder
    yield "write", "accumulator_write_elements", _access(machine, "accumulator", "write_pj", word, bits)
    yield "read by the vector unit", "vector_accumulator_reads", _access(machine, "accumulator", "read_pj", lanes, bits)


def _parameter_buffer(machine: Machine) -> _Rows:
    entry, word, beat = structure.PARAMETER_BITS, structure.PARAMETER_WORD_BITS, 8 * machine.dma.bus_bytes
    yield "read of a channel", "parameter_reads", _access(machine, "parameter_buffer", "read_pj", entry, entry)
    yield "write by loads", "parameter_write_elements", _access(machine, "parameter_buffer", "write_pj", beat, word)


def _vector(machine: Machine) -> _Rows:
    if machine.vector:
        yield "lane operation", "vector_operations", _lane(machine)
        bits = structure.vector_register_bits(machine)
        yield "pipeline registers", "vector_cycles", register_energy(machine.technology, bits)


def _dma(machine: Machine) -> _Rows:
    beat = register_energy(machine.technology, 2 * 8 * machine.dma.bus_bytes)
    request = register_energy(machine.technology, 2 * structure.REQUEST_BITS)
    for engine in ("load", "store"):
        yield f"{engine} beat, registered twice", f"{engine}_beats", beat
        yield f"{engine} request, registered twice", f"{engine}_requests", request


def _dram(machine: Machine) -> _Rows:
    byte = dram_energy(machine.memory.technology).times(8)
    yield "read of a byte", "dram_read_bytes", byte
    yield "write of a byte", "dram_write_bytes", byte


def _wires(machine: Machine) -> _Rows:
    """Centre to centre between square blocks; loads and stores cross from the die's edge, half its side further."""
    blocks, bits = area(machine), structure.widths(machine)
    side = blocks.by_component

    def wire(first: str, second: str, element_bits: int) -> Figure:
        reach = blocks.total_um2 if first == "edge" else side[first]
        return wire_energy(machine.technology, element_bits, distance_mm(reach, side[second]))

    vector = "vector" if machine.vector else "array"
    parameter = structure.PARAMETER_BITS, structure.PARAMETER_WORD_BITS
    yield "scratchpad to array", "scratchpad_read_elements", wire("scratchpad", "array", bits.activation)
    yield "weight buffer to array", "weight_read_elements", wire("weight_buffer", "array", bits.weight)
    yield "array to accumulator", "accumulator_write_elements", wire("array", "accumulator", bits.accumulator)
    yield "accumulator to vector unit", "vector_accumulator_reads", wire("accumulator", vector, bits.accumulator)
    yield "scratchpad to vector unit", "vector_scratchpad_reads", wire("scratchpad", vector, bits.activation)
    yield "vector unit to scratchpad", "vector_scratchpad_writes", wire(vector, "scratchpad", bits.activation)
    yield "parameters to vector unit", "parameter_reads", wire("parameter_buffer", vector, parameter[0])
    yield "DMA to scratchpad", "scratchpad_write_elements", wire("edge", "scratchpad", bits.activation)
    yield "DMA to weight buffer", "weight_write_elements", wire("edge", "weight_buffer", bits.weight)
    yield "DMA to parameter buffer", "parameter_write_elements", wire("edge", "parameter_buffer", parameter[1])
    yield "scratchpad to DMA", "store_scratchpad_reads", wire("edge", "scratchpad", bits.activation)


def _leakage(machine: Machine) -> _Rows:
    technology, clock_hz = machine.technology, machine.clock_hz
    for name in structure.MEMORIES:
        yield name, "cycles", sram_leakage(structure.memory(machine, name), technology, clock_hz)
    arithmetic = _mac(machine).times(machine.array.rows * machine.array.cols)
    if machine.vector:
        arithmetic = arithmetic.plus(_lane(machine).times(machine.vector.lanes))
    yield "arithmetic", "cycles", logic_leakage(arithmetic, technology, clock_hz)
    registers = register_energy(technology, sum(structure.register_bits(machine).values()))
    yield "registers", "cycles", logic_leakage(registers, technology, clock_hz)


_ROWS: dict[str, Callable[[Machine], _Rows]] = {
    "array": _array,
    "clock": _clock,
    "scratchpad": _scratchpad,
    "weight_buffer": _weight_buffer,
    "accumulator": _accumulator,
    "parameter_buffer": _parameter_buffer,
    "vector": _vector,
    "dma": _dma,
    "dram": _dram,
    "wires": _wires,
    "leakage": _leakage,
}
