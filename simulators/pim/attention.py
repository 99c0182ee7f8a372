"""Attention of one decoded token mapped to the banks of a channel: tiles, and the program of commands for them.

A tile is one row of every bank. K.q: the keys of 32 tokens (one a bank), a page of the embedding: a DOT a head.
S.V: 32 of a head's columns (one a bank), a page of tokens: one DOT. Formulas: NeuPIMs (ASPLOS 2024), its simulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulators.pim.commands import COMP, DOT, GWRITE, HEADER, READRES
from simulators.pim.device import PimDevice
from workloads.errors import CodesignError

PROGRAM = ("command", "row", "comps", "readres")
FIRST_ROW = 1  # row 0 of bank 0 holds the vector that GWRITE takes


@dataclass(frozen=True)
class AttentionShape:
    """Heads of attention as one device of a tensor-parallel group holds them.

    Attributes
    ----------
    embedding, heads, tensor_parallel : int
        Of the whole model; devices that share it.
    """

    embedding: int
    heads: int
    tensor_parallel: int = 1

    def __post_init__(self) -> None:
        for name in ("embedding", "heads", "tensor_parallel"):
            if getattr(self, name) < 1:
                raise CodesignError(f"attention: {name} {getattr(self, name)} is not at least 1")
        if self.embedding % self.heads or self.heads % self.tensor_parallel:
            raise CodesignError(
                f"attention: embedding {self.embedding}, heads {self.heads} and tensor_parallel "
                f"{self.tensor_parallel} do not divide"
            )

    @property
    def head_size(self) -> int:
        """Values of a head."""
        return self.embedding // self.heads

    @property
    def local_heads(self) -> int:
        """Heads on one device."""
        return self.heads // self.tensor_parallel

    @property
    def local_embedding(self) -> int:
        """Values of a token's key on one device."""
        return self.embedding // self.tensor_parallel


# NeuPIMs (ASPLOS 2024), table of models.
SHAPES = {
    "gpt3-7b": AttentionShape(4096, 32, 4), "gpt3-13b": AttentionShape(5120, 40, 4),
    "gpt3-30b": AttentionShape(7168, 56, 4), "gpt3-175b": AttentionShape(12288, 96, 8),
}  # fmt: skip


class Counts(NamedTuple):
    """Commands and tiles of a request or a channel."""

    k_tiles: int = 0
    v_tiles: int = 0
    gwrites: int = 0
    g_acts: int = 0
    pim_precharges: int = 0
    comps: int = 0
    readres: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sum."""
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))


class Tile(NamedTuple):
    """One row of every bank: `dots` DOTs of `comps` COMPs; `first` of its vector, so a GWRITE goes before."""

    first: bool
    dots: int
    comps: int


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def check_request(device: PimDevice, shape: AttentionShape, length: int) -> None:
    """Raise CodesignError when a device cannot hold such a request's tiles as they are laid out here."""
    if length < 1:
        raise CodesignError(f"request: length {length} is not at least 1 token")
    if shape.head_size > device.page_operands or device.page_operands % shape.head_size:
        raise CodesignError(
            f"attention: a head of {shape.head_size} values does not divide a row of {device.page_operands} operands "
            f"of {device.name}"
        )


def k_tiles(device: PimDevice, shape: AttentionShape, length: int) -> Iterator[Tile]:
    """Yield the tiles of K.q for one request of `length` tokens."""
    check_request(device, shape, length)
    heads_a_page = device.page_operands // shape.head_size
    left = shape.local_heads
    while left > 0:
        for i in range(_ceil(length, device.banks)):
            yield Tile(i == 0, min(left, heads_a_page), _ceil(shape.head_size, device.lanes))
        left -= heads_a_page


def v_tiles(device: PimDevice, shape: AttentionShape, length: int) -> Iterator[Tile]:
    """Yield the tiles of S.V for one request of `length` tokens."""
    check_request(device, shape, length)
    for _ in range(shape.local_heads):
        for page in range(0, length, device.page_operands):
            comps = _ceil(min(device.page_operands, length - page), device.lanes)
            for i in range(_ceil(shape.head_size, device.banks)):
                yield Tile(i == 0, 1, comps)


def counts_of(device: PimDevice, shape: AttentionShape, length: int) -> Counts:
    """Return the commands of one request: every tile opens and closes its row in every bank."""
    k, v = list(k_tiles(device, shape, length)), list(v_tiles(device, shape, length))
    both, o = k + v, device.standard.organization
    return Counts(
        len(k), len(v), sum(t.first for t in both), len(both) * o.ranks * o.bankgroups, len(both) * device.banks,
        sum(t.dots * t.comps for t in both), sum(t.dots for t in both),
    )  # fmt: skip


def program_of(device: PimDevice, tiles: Iterator[Tile], first_row: int = FIRST_ROW) -> np.ndarray:
    """Return the commands asked for by tiles, int64 (commands, 4) with columns PROGRAM.

    Activation and precharge are not in it: the memory controller adds them. A HEADER tells COMPs (a power of two, as
    it is encoded) and READRES of its tile. Every tile has a row of its own.

    Raises
    ------
    CodesignError
        When the tiles need more rows than a bank has.
    """
    program: list[tuple[int, int, int, int]] = []
    row = first_row
    for tile in tiles:
        if tile.first:
            program.append((GWRITE, 0, 0, 0))
        total = tile.dots * tile.comps
        program.append((HEADER, row, 1 << (total - 1).bit_length(), tile.dots))
        for _ in range(tile.dots):
            if device.composite:
                program.append((DOT, row, tile.comps, 1))
            else:
                program += [(COMP, row, 1, 0)] * tile.comps + [(READRES, row, 0, 1)]
        row += 1
    if row > device.standard.organization.rows:
        raise CodesignError(
            f"device {device.name}: {row} rows are needed, a bank has {device.standard.organization.rows}"
        )
    return np.array(program, np.int64).reshape(-1, len(PROGRAM))
