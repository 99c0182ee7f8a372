"""Costs of on-chip memories.

A memory's energy per element is the energy of one access of the word that the port moves, over the elements of that
word: array ports move the array's word, the DMA a beat, the vector unit a word of its lanes (`structure`).
Each function yields (action, counter, figure in pJ per count).
"""

from __future__ import annotations

from dataclasses import replace

from codesign.costs import structure
from codesign.costs.figures import Figure
from codesign.costs.logic import Rows, logic_of
from codesign.costs.sram import sram_energy
from simulators.machine import Machine


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


def scratchpad(machine: Machine) -> Rows:
    """Activations, to and from the array, the DMA and the vector unit."""
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


def weight_buffer(machine: Machine) -> Rows:
    """Weights, from the DMA to the array (a depthwise tap on the vector unit reads here too)."""
    bits, beat = structure.widths(machine).weight, 8 * machine.dma.bus_bytes
    word = structure.array_word_bits(machine)["weight_buffer"]
    yield "read by the array", "weight_read_elements", _access(machine, "weight_buffer", "read_pj", word, bits)
    yield "write by loads", "weight_write_elements", _access(machine, "weight_buffer", "write_pj", beat, bits)


def accumulator(machine: Machine) -> Rows:
    """Partial sums; one that is read back is added to."""
    bits = structure.widths(machine).accumulator
    word, lanes = structure.array_word_bits(machine)["accumulator"], _vector_word(machine, bits)
    yield "read to accumulate", "accumulator_read_elements", _access(machine, "accumulator", "read_pj", word, bits)
    yield "add", "accumulator_read_elements", logic_of(machine).adder()
    yield "write", "accumulator_write_elements", _access(machine, "accumulator", "write_pj", word, bits)
    yield "read by the vector unit", "vector_accumulator_reads", _access(machine, "accumulator", "read_pj", lanes, bits)


def parameter_buffer(machine: Machine) -> Rows:
    """Entries of bias, multiplier and shift; loads write words of 32 bit."""
    entry, word, beat = structure.PARAMETER_BITS, structure.PARAMETER_WORD_BITS, 8 * machine.dma.bus_bytes
    yield "read of a channel", "parameter_reads", _access(machine, "parameter_buffer", "read_pj", entry, entry)
    yield "write by loads", "parameter_write_elements", _access(machine, "parameter_buffer", "write_pj", beat, word)
