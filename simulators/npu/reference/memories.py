"""On-chip memories with values, and chains of registers."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from simulators.machine import Machine
from simulators.program import ACCUMULATOR, MEMORIES, PARAMETERS, SCRATCHPAD, WEIGHT_BUFFER
from workloads.errors import CodesignError
from workloads.formats import parse_format


def integer_bits(name: str, where: str) -> tuple[int, bool]:
    """Return width and signedness of an integer format; others have no value here."""
    form = parse_format(name, where)
    if not form.is_integer:
        raise CodesignError(f"{where}: {name} has no integer value; exact simulation takes intN or uintN")
    return form.bits, form.is_signed


def wrap(value: int, bits: int, signed: bool) -> int:
    """Return `value` as a field of `bits` bits holds it."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


class Memory:
    """An on-chip memory: elements by address, 0 at first; what is written is visible after `commit`.

    Parameters
    ----------
    name : str
    bits, signed : int, bool
        Format of an element.
    elements : int or None
        Capacity; None bounds nothing.
    """

    def __init__(self, name: str, bits: int, signed: bool, elements: int | None) -> None:
        self.name, self.bits, self.signed, self.elements = name, bits, signed, elements
        self.values: dict[int, int] = {}
        self._written: list[tuple[int, int]] = []

    def read(self, address: int) -> int:
        """Return the element as it stood when the cycle began."""
        self._check(address)
        return self.values.get(address, 0)

    def write(self, address: int, value: int) -> None:
        """Write an element, visible in the next cycle."""
        self._check(address)
        self._written.append((address, wrap(value, self.bits, self.signed)))

    def commit(self) -> None:
        """End the cycle."""
        self.values.update(self._written)
        self._written.clear()

    def as_array(self) -> np.ndarray:
        """Return all elements as int64 (up to the last one written where nothing bounds the memory)."""
        size = self.elements if self.elements is not None else max(self.values, default=-1) + 1
        array = np.zeros(size, np.int64)
        for address, value in self.values.items():
            array[address] = value
        return array

    def _check(self, address: int) -> None:
        if address < 0 or (self.elements is not None and address >= self.elements):
            raise CodesignError(f"{self.name}: address {address} is outside 0 <= address < {self.elements}")


def build_memories(machine: Machine) -> dict[int, Memory]:
    """Return the four on-chip memories, sized by the description (not at all where operands are resident)."""
    pe, bounded = machine.array.pe, machine.memory.model != "resident"
    words = {
        SCRATCHPAD: (machine.scratchpad, *integer_bits(pe.activation, "array.pe.activation")),
        WEIGHT_BUFFER: (machine.weight_buffer, *integer_bits(pe.weight, "array.pe.weight")),
        ACCUMULATOR: (machine.accumulator, *integer_bits(pe.accumulator, "array.pe.accumulator")),
        PARAMETERS: (machine.parameter_buffer, 32, True),
    }
    memories = {}
    for code, (buffer, bits, signed) in words.items():
        elements = buffer.size_bytes * 8 // bits
        if code == ACCUMULATOR:
            elements -= elements % machine.array.cols
        memories[code] = Memory(MEMORIES[code], bits, signed, elements if bounded else None)
    return memories


class Delay:
    """A chain of `registers` registers, stepped once a cycle; none of them is a wire."""

    def __init__(self, registers: int) -> None:
        self._stages: deque[Any] = deque([None] * registers)

    def step(self, value: Any) -> Any:
        """Shift `value` in and return what leaves in this cycle (None: a bubble)."""
        self._stages.append(value)
        return self._stages.popleft()
