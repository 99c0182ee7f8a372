"""Costs of what is no on-chip memory: array, clock, vector unit, DMA, off-chip memory, wires, leakage.

Each function yields (action, counter, figure in pJ per count).
"""

from __future__ import annotations

from collections.abc import Iterator

from codesign.costs import structure
from codesign.costs.area import area, vector_multiplier
from codesign.costs.arithmetic import add, mac, multiply, supply_v
from codesign.costs.clock import clock_energy, register_energy
from codesign.costs.dram import dram_energy
from codesign.costs.figures import Figure
from codesign.costs.leakage import logic_leakage, sram_leakage
from codesign.costs.scaling import carry_energy
from codesign.costs.wires import distance_mm, wire_energy
from simulators.machine import Machine

Rows = Iterator[tuple[str, str, Figure]]


def carried(machine: Machine, figure: Figure) -> Figure:
    """Carry a figure of the arithmetic profile to the machine."""
    return carry_energy(figure, machine.technology, supply_v(machine.technology.arithmetic))


def _mac(machine: Machine) -> Figure:
    pe = machine.array.pe
    return carried(machine, mac(machine.technology.arithmetic, pe.activation, pe.weight, pe.accumulator))


def _slot_bits(machine: Machine) -> int:
    """Register bits of a PE through which data pass with each vector or step."""
    return structure.streamed_bits(machine) + structure.product_bits(machine) + structure.widths(machine).accumulator


def _lane(machine: Machine) -> Figure:
    profile, name = machine.technology.arithmetic, machine.array.pe.accumulator
    lane = carried(machine, multiply(profile, name, vector_multiplier(name)).plus(add(profile, name)))
    return lane.times(1, "a multiply and an add, whatever the function", "assumed")


def array(machine: Machine) -> Rows:
    """PEs: a MAC by a PE in use, registers by every PE clocked, tiles and sums that move."""
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


def clock(machine: Machine) -> Rows:
    """The clock of all registers that are not storage."""
    bits = structure.clocked_register_bits(machine)
    yield "clock of the registers", "cycles", clock_energy(machine.technology, bits)


def vector(machine: Machine) -> Rows:
    """Lanes and their pipeline."""
    if machine.vector:
        yield "lane operation", "vector_operations", _lane(machine)
        bits = structure.vector_register_bits(machine)
        yield "pipeline registers", "vector_cycles", register_energy(machine.technology, bits)


def dma(machine: Machine) -> Rows:
    """Beats and requests of the load and store engines."""
    beat = register_energy(machine.technology, 2 * 8 * machine.dma.bus_bytes)
    request = register_energy(machine.technology, 2 * structure.REQUEST_BITS)
    for engine in ("load", "store"):
        yield f"{engine} beat, registered twice", f"{engine}_beats", beat
        yield f"{engine} request, registered twice", f"{engine}_requests", request


def dram(machine: Machine) -> Rows:
    """Bytes of memory traffic, device and interface together."""
    byte = dram_energy(machine.memory.technology).times(8)
    yield "read of a byte", "dram_read_bytes", byte
    yield "write of a byte", "dram_write_bytes", byte


def wires(machine: Machine) -> Rows:
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


def leakage(machine: Machine) -> Rows:
    """Leakage of each memory and of the logic, each cycle."""
    technology, clock_hz = machine.technology, machine.clock_hz
    for name in structure.MEMORIES:
        yield name, "cycles", sram_leakage(structure.memory(machine, name), technology, clock_hz)
    arithmetic = _mac(machine).times(machine.array.rows * machine.array.cols)
    if machine.vector:
        arithmetic = arithmetic.plus(_lane(machine).times(machine.vector.lanes))
    yield "arithmetic", "cycles", logic_leakage(arithmetic, technology, clock_hz)
    registers = register_energy(technology, sum(structure.register_bits(machine).values()))
    yield "registers", "cycles", logic_leakage(registers, technology, clock_hz)
