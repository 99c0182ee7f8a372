"""What each action of a row-stationary array costs: multiplies, stores of a PE, buses, buffers.

Multipliers and adders from the machine's profile of arithmetic, a PE's weights as a memory of the SRAM table, its
inputs and sums as registers, as Eyeriss has them. Published profiles only: there is no RTL of this dataflow.
"""

from __future__ import annotations

from collections.abc import Iterator

from codesign.costs import structure
from codesign.costs.arithmetic import PROFILES, mac, supply_v
from codesign.costs.clock import clock_energy, register_energy
from codesign.costs.dram import dram_energy
from codesign.costs.figures import Figure
from codesign.costs.leakage import logic_leakage, sram_leakage
from codesign.costs.scaling import carry_energy
from codesign.costs.sram import Sram, sram, sram_area, sram_energy
from codesign.costs.wires import distance_mm, wire_energy
from simulators.machine import Machine

#: (component, action, counter, pJ per count).
Row = tuple[str, str, str, Figure]


def pe_memory(machine: Machine) -> Sram:
    """Return the memory that holds a PE's weights, read a weight at a time."""
    bits, technology = structure.widths(machine).weight, machine.technology
    size = max(1, machine.array.row_stationary.filter_words * bits // 8)
    return sram(size, bits, technology.node_nm, technology.sram_cell, "1rw", 1)


def _store_read(machine: Machine, words: int, bits: int) -> Figure:
    """Return the energy of a read from a PE's inputs or sums: as from a register file of the SRAM table.

    The registers alone would leave out the selection of one word of many.
    """
    technology = machine.technology
    store = sram(max(1, words * bits // 8), bits, technology.node_nm, technology.sram_cell, "1r1w", 1)
    return sram_energy(store, "read_pj", technology)


def pe_memories_area(machine: Machine) -> Figure:
    """Return the area of the memories of all PEs, in um2."""
    return sram_area(pe_memory(machine), machine.technology).times(machine.array.rows * machine.array.cols)


def _profile(machine: Machine) -> str:
    name = machine.technology.arithmetic
    return name if name in PROFILES else PROFILES[0]


def _mac(machine: Machine) -> Figure:
    pe, profile = machine.array.pe, _profile(machine)
    return carry_energy(mac(profile, pe.activation, pe.weight, pe.accumulator), machine.technology, supply_v(profile))


def row_stationary_costs(machine: Machine) -> Iterator[Row]:
    """Yield the costs of a machine with dataflow rs, by component."""
    yield from _array(machine)
    bits = sum(structure.register_bits(machine).values())
    yield "clock", "clock of the registers", "cycles", clock_energy(machine.technology, bits)
    yield from _buffers(machine)
    beat = register_energy(machine.technology, 2 * 8 * machine.dma.bus_bytes)
    yield "dma", "load beat, registered twice", "load_beats", beat
    yield "dma", "store beat, registered twice", "store_beats", beat
    byte = dram_energy(machine.memory.technology).times(8)
    yield "dram", "read of a byte", "dram_read_bytes", byte
    yield "dram", "write of a byte", "dram_write_bytes", byte
    yield from _wires(machine)
    yield from _leakage(machine)


def _array(machine: Machine) -> Iterator[Row]:
    technology, array, bits = machine.technology, machine.array, structure.widths(machine)
    rs, sums = array.row_stationary, array.row_stationary.psum_bits
    yield "array", "multiply-accumulate", "mac_slots", _mac(machine)
    yield (
        "array",
        "weight read from the PE's memory",
        "mac_slots",
        sram_energy(pe_memory(machine), "read_pj", technology),
    )
    yield "array", "sum read in the PE", "mac_slots", _store_read(machine, rs.psum_words, sums)
    yield "array", "sum written in the PE", "mac_slots", register_energy(technology, sums)
    yield "array", "input read in the PE", "macs", _store_read(machine, rs.ifmap_words, bits.activation)
    written = sram_energy(pe_memory(machine), "write_pj", technology)
    yield "array", "weight written in a row of PEs", "weight_read_elements", written.times(array.cols)
    inputs = register_energy(technology, bits.activation).times(array.rows)
    yield "array", "input written along a diagonal of PEs", "scratchpad_read_elements", inputs


def _buffers(machine: Machine) -> Iterator[Row]:
    technology, bits, rs = machine.technology, structure.widths(machine), machine.array.row_stationary
    words = {"scratchpad": 8 * machine.dma.bus_bytes, "weight_buffer": rs.filter_bus_words * bits.weight}

    def access(name: str, metric: str, element_bits: int) -> Figure:
        memory = structure.memory(machine, name, words[name])
        return sram_energy(memory, metric, technology).times(element_bits / words[name], f"word of {words[name]} bit")

    for action, counter, metric in (
        ("read by the array", "scratchpad_read_elements", "read_pj"),
        ("write by loads", "scratchpad_write_elements", "write_pj"),
        ("read by stores", "store_scratchpad_reads", "read_pj"),
    ):
        yield "scratchpad", action, counter, access("scratchpad", metric, bits.activation)
    for action, counter, metric in (
        ("sum read by the array", "accumulator_read_elements", "read_pj"),
        ("sum written by the array", "accumulator_write_elements", "write_pj"),
    ):
        yield "scratchpad", action, counter, access("scratchpad", metric, rs.psum_bits)
    yield "weight_buffer", "read by the array", "weight_read_elements", access("weight_buffer", "read_pj", bits.weight)
    yield "weight_buffer", "write by loads", "weight_write_elements", access("weight_buffer", "write_pj", bits.weight)


def _wires(machine: Machine) -> Iterator[Row]:
    """A bus runs from the buffer through the array: centre to centre of the two, and half the array's side."""
    technology, bits, rs = machine.technology, structure.widths(machine), machine.array.row_stationary
    array = pe_memories_area(machine).value
    for action, counter, width, name in (
        ("scratchpad to array", "scratchpad_read_elements", bits.activation, "scratchpad"),
        ("weight buffer to array", "weight_read_elements", bits.weight, "weight_buffer"),
        ("sums to array", "accumulator_read_elements", rs.psum_bits, "scratchpad"),
        ("sums from array", "accumulator_write_elements", rs.psum_bits, "scratchpad"),
    ):
        buffer = sram_area(structure.memory(machine, name), technology).value
        reach = distance_mm(buffer, array) + array**0.5 / 2000
        yield "wires", action, counter, wire_energy(technology, width, reach)


def _leakage(machine: Machine) -> Iterator[Row]:
    technology, clock_hz = machine.technology, machine.clock_hz
    for name in ("scratchpad", "weight_buffer"):
        yield "leakage", name, "cycles", sram_leakage(structure.memory(machine, name), technology, clock_hz)
    pes = machine.array.rows * machine.array.cols
    yield "leakage", "weights of the PEs", "cycles", sram_leakage(pe_memory(machine), technology, clock_hz).times(pes)
    yield "leakage", "arithmetic", "cycles", logic_leakage(_mac(machine).times(pes), technology, clock_hz)
    registers = register_energy(technology, sum(structure.register_bits(machine).values()))
    yield "leakage", "registers", "cycles", logic_leakage(registers, technology, clock_hz)
