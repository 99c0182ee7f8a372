"""Blocks of a machine other than PEs and lanes, as `codesign synth --out` found them on the machine it synthesized.

A row of kind ``block`` states its block's size there. Another machine takes its area, clock and leakage times the ratio
of the sizes to the block's exponent: 1 where what the size counts is what the block is made of, less where the block is
control that grows little, 0 where it does not grow. The exponents were measured on ASAP7 (docs/validation.md,
"Synthesis"): between arrays of 4x4 and 8x8, between 2, 4 and 8 requests in flight, bursts of 32 and 64 bytes, queues of
4 and 8 commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codesign.costs import structure
from rtl.synthesis.cost_rows import CostRow
from simulators.machine import Machine


@dataclass(frozen=True)
class Block:
    """What a block is to the cost model.

    Attributes
    ----------
    component, part : str
        Of the area report (`codesign.costs.area.COMPONENTS`).
    unit : str
        What its size counts.
    exponent : float
        Of the size, in area, clock and leakage.
    size : callable
        Machine -> size.
    """

    component: str
    part: str
    unit: str
    exponent: float
    size: Callable[[Machine], float]


def _commands(machine: Machine) -> float:
    queues = machine.queues
    return queues.load + queues.execute + queues.vector + queues.store


def _edges(machine: Machine) -> float:
    return machine.array.rows + machine.array.cols


def _lanes(machine: Machine) -> float:
    return machine.vector.lanes if machine.vector else 1


#: By the component's name in `rtl.synthesis.components`; PEs and lanes have rows of their own kind.
BLOCKS = {
    "array_edges": Block(
        "skew_registers", "edges of the array", "skew register bits", 1.0,
        lambda machine: max(structure.skew_register_bits(machine), 1),
    ),
    "accumulate": Block("accumulator", "adders", "columns", 1.0, lambda machine: machine.array.cols),
    "execute_control": Block("control", "execute engine", "rows and columns", 0.63, _edges),
    "vector_control": Block("vector", "vector engine", "lanes", 0.1, _lanes),
    "load": Block(
        "dma", "load engine", "bytes in flight", 0.75,
        lambda machine: machine.dma.outstanding * machine.dma.burst_bytes,
    ),
    "store": Block("dma", "store engine", "bytes of a burst", 0.5, lambda machine: machine.dma.burst_bytes),
    "queues": Block("control", "command queues", "commands", 1.0, _commands),
    "tokens": Block("control", "tokens", "bits of a token counter", 1.0, lambda machine: machine.queues.token_bits),
    "memory_port": Block("dma", "memory port", "port", 0.0, lambda machine: 1.0),
    "counters": Block("control", "performance counters", "unit", 0.0, lambda machine: 1.0),
    "wait_classes": Block("control", "wait classes", "unit", 0.0, lambda machine: 1.0),
    "memory_addresses": Block(
        "control", "addresses of lanes", "rows, columns and lanes", 0.55,
        lambda machine: _edges(machine) + _lanes(machine),
    ),
}  # fmt: skip


def block_size(name: str, machine: Machine) -> float:
    """Return a block's size in a machine."""
    return BLOCKS[name].size(machine)


def block_factor(row: CostRow, machine: Machine) -> tuple[float, str]:
    """Return what a block's figures are multiplied by for a machine, and the law that says so (empty for 1)."""
    block = BLOCKS[row.name]
    own, size = row.size, block.size(machine)
    if own == size or block.exponent == 0:
        return 1.0, ""
    power = "" if block.exponent == 1 else f", to the power of {block.exponent:g}"
    return (size / own) ** block.exponent, f"{block.unit} {own:g} -> {size:g}{power}"
