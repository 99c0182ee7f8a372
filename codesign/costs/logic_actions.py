"""Costs of what is no on-chip memory: array, clock, vector unit, DMA, off-chip memory, wires, leakage.

Each function yields (action, counter, figure in pJ per count).
"""

from __future__ import annotations

from codesign.costs import structure
from codesign.costs.area import area
from codesign.costs.dram import dram_energy
from codesign.costs.figures import Figure
from codesign.costs.leakage import sram_leakage
from codesign.costs.logic import Rows, logic_of
from codesign.costs.wires import distance_mm, wire_energy
from simulators.machine import Machine
from workloads.activity import Activity, default_activity


def array(machine: Machine, activity: Activity | None = None) -> Rows:
    """PEs with the activity of a layer (uniform random bits when absent); see `codesign.costs.logic`."""
    pe = machine.array.pe
    yield from logic_of(machine).array(activity or default_activity(pe.activation, pe.weight))


def clock(machine: Machine) -> Rows:
    """The clock of all registers that are not storage."""
    yield "clock of the registers", "cycles", logic_of(machine).clock()


def vector(machine: Machine) -> Rows:
    """Lanes and their pipeline."""
    yield from logic_of(machine).vector()


def dma(machine: Machine) -> Rows:
    """Beats and requests of the load and store engines."""
    logic = logic_of(machine)
    beat, request = logic.registers(2 * 8 * machine.dma.bus_bytes), logic.registers(2 * structure.REQUEST_BITS)
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
    for name, figure in logic_of(machine).leakage(clock_hz):
        yield name, "cycles", figure
