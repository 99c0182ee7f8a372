"""Attention of one decoded token mapped to the banks of a channel: tiles, and the program of commands for them.

A tile is one row of every bank. K.q: the keys of 32 tokens (one a bank), a page of the embedding: a DOT a head.
S.V: 32 of a head's columns (one a bank), a page of tokens: one DOT. Formulas: NeuPIMs (ASPLOS 2024), its simulator.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulators.pim.commands import COMP, DOT, GWRITE, HEADER, READRES
from simulators.pim.device import PimDevice, fits_between_refreshes
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


def k_tile_array(device: PimDevice, shape: AttentionShape, length: int) -> np.ndarray:
    """Return the tiles of K.q for one request of `length` tokens, int64 (tiles, 3) with the fields of Tile."""
    check_request(device, shape, length)
    heads_a_page = device.page_operands // shape.head_size
    rows, pages = _ceil(length, device.banks), _ceil(shape.local_heads, heads_a_page)
    tiles = np.empty((pages, rows, len(Tile._fields)), np.int64)
    tiles[:, :, 0] = np.arange(rows) == 0
    tiles[:, :, 1] = np.minimum(heads_a_page, shape.local_heads - heads_a_page * np.arange(pages))[:, None]
    tiles[:, :, 2] = _ceil(shape.head_size, device.lanes)
    return tiles.reshape(-1, len(Tile._fields))


def v_tile_array(device: PimDevice, shape: AttentionShape, length: int) -> np.ndarray:
    """Return the tiles of S.V for one request of `length` tokens, int64 (tiles, 3) with the fields of Tile.

    With packed values a row holds a power of two of columns, for the tokens of a request grow.
    """
    check_request(device, shape, length)
    columns, tiles = _ceil(shape.head_size, device.banks), []
    for begin in range(0, length, device.page_operands):
        comps = _ceil(min(device.page_operands, length - begin), device.lanes)
        packed = device.page_operands // (device.lanes << (comps - 1).bit_length())
        dots = packed if device.value_layout == "packed" else 1
        for i, left in enumerate(range(columns, 0, -dots)):
            tiles.append((i == 0, min(dots, left), comps))
    return np.tile(np.array(tiles, np.int64), (shape.local_heads, 1))


def k_tiles(device: PimDevice, shape: AttentionShape, length: int) -> Iterator[Tile]:
    """Yield the tiles of K.q for one request of `length` tokens."""
    return (Tile(bool(first), dots, comps) for first, dots, comps in k_tile_array(device, shape, length).tolist())


def v_tiles(device: PimDevice, shape: AttentionShape, length: int) -> Iterator[Tile]:
    """Yield the tiles of S.V for one request of `length` tokens."""
    return (Tile(bool(first), dots, comps) for first, dots, comps in v_tile_array(device, shape, length).tolist())


def alike(device: PimDevice, length: int) -> tuple[int, int]:
    """Return what a request's tiles depend on: requests of equal values ask for the same commands."""
    return _ceil(length, device.banks), _ceil(length, device.lanes)


def counts_of(device: PimDevice, shape: AttentionShape, length: int) -> Counts:
    """Return the commands of one request: every tile opens and closes its row in every bank."""
    k, v = k_tile_array(device, shape, length), v_tile_array(device, shape, length)
    both = np.concatenate([k, v])
    activates, precharges = (device.banks // device.banks_of(span) for span in (device.activate, device.precharge))
    return Counts(
        len(k), len(v), int(both[:, 0].sum()), len(both) * activates, len(both) * precharges,
        int((both[:, 1] * both[:, 2]).sum()), int(both[:, 1].sum()),
    )  # fmt: skip


def counts_of_all(device: PimDevice, shape: AttentionShape, lengths: Iterable[int]) -> Counts:
    """Return the commands of all requests together."""
    total = np.zeros(len(Counts._fields), np.int64)
    for length, times in Counter(lengths).items():
        total += times * np.array(counts_of(device, shape, length))
    return Counts(*total.tolist())


def program_of(device: PimDevice, tiles: Iterable[Tile] | np.ndarray, first_row: int = FIRST_ROW) -> np.ndarray:
    """Return the commands asked for by tiles, int64 (commands, 4) with columns PROGRAM.

    Activation and precharge are not in it: the memory controller adds them. A HEADER tells COMPs (a power of two, as
    it is encoded) and READRES of its tile. Every tile has a row of its own. A tile that does not fit between two
    refreshes is told in parts, each with a HEADER.

    Raises
    ------
    CodesignError
        When the tiles need more rows than a bank has.
    """
    all_tiles = np.array(tiles if isinstance(tiles, np.ndarray) else list(tiles), np.int64).reshape(-1, 3)
    check_rows(device, first_row + len(all_tiles))
    row, firsts, dots, comps, ends = tile_parts(device, all_tiles)
    each = np.ones_like(comps) if device.composite else comps + ends
    lengths = firsts + 1 + dots * each
    part = np.repeat(np.arange(len(firsts)), lengths)
    place = np.arange(len(part)) - np.repeat(np.cumsum(lengths) - lengths, lengths) - firsts[part]
    program = np.zeros((len(part), len(PROGRAM)), np.int64)
    program[:, 1] = first_row + row[part]
    program[place == -1, :2] = GWRITE, 0
    header, compute = place == 0, place > 0
    told = 1 << np.ceil(np.log2(dots * comps)).astype(np.int64)
    program[header, 0], program[header, 2], program[header, 3] = HEADER, told, dots * ends
    part = part[compute]
    if device.composite:
        program[compute, 0], program[compute, 2], program[compute, 3] = DOT, comps[part], 1
    else:
        last = (place[compute] - 1) % each[part] == comps[part]
        program[compute, 0] = np.where(last, READRES, COMP)
        program[compute, 2], program[compute, 3] = ~last, last
    return program


def tile_parts(device: PimDevice, tiles: np.ndarray) -> np.ndarray:
    """Return tiles as they are told, int64 (5, parts): row, vector first, DOTs, COMPs of each, whether READRES ends."""
    kinds = [(kind >> 32, kind & 0xFFFFFFFF) for kind in np.unique(tiles[:, 1] << 32 | tiles[:, 2]).tolist()]
    whole = {kind: _fitting(device, *kind) for kind in kinds}
    if all(kind == fitting for kind, fitting in whole.items()):
        return np.array([np.arange(len(tiles)), *tiles.T, np.ones(len(tiles), np.int64)])
    parts: list[tuple[int, int, int, int, int]] = []
    for row, (first, dots, comps) in enumerate(tiles.tolist()):
        at_once, step = whole[dots, comps]
        for dot in range(0, dots, at_once):
            for begin in range(0, comps, step):
                taken = min(step, comps - begin)
                parts.append((row, int(first and not dot and not begin), min(at_once, dots - dot), taken,
                              int(begin + taken == comps)))  # fmt: skip
    return np.array(parts, np.int64).reshape(-1, 5).T


@functools.lru_cache(maxsize=4096)
def _fitting(device: PimDevice, dots: int, comps: int) -> tuple[int, int]:
    """Return how many of a tile's DOTs, and COMPs of one, a HEADER tells: all, one of all, or one of a power of two."""
    if fits_between_refreshes(device, 1 << (dots * comps - 1).bit_length(), dots):
        return dots, comps
    step = comps
    while not device.composite and step > 1 and not fits_between_refreshes(device, 1 << (step - 1).bit_length(), 1):
        step = 1 << (step - 1).bit_length() - 1
    return 1, step


@functools.lru_cache(maxsize=1024)
def _program_alike(
    device: PimDevice, shape: AttentionShape, values: bool, kind: tuple[int, int], first_row: int
) -> np.ndarray:
    if values:  # as many slices of tokens; more tokens are only within the last of them
        return program_of(device, v_tile_array(device, shape, kind[1] * device.lanes), first_row)
    return program_of(device, k_tile_array(device, shape, kind[0] * device.banks), first_row)


def request_program(device: PimDevice, shape: AttentionShape, length: int, values: bool, first_row: int) -> np.ndarray:
    """Return the commands of K.q, or of S.V (`values`), for one request, as `program_of` would from its tiles.

    The same array for all requests alike: not to be written.

    Raises
    ------
    CodesignError
        When the device cannot hold the request, or its tiles need more rows than a bank has.
    """
    check_request(device, shape, length)
    return _program_alike(device, shape, values, alike(device, length), first_row)


def check_rows(device: PimDevice, needed: int) -> None:
    """Raise CodesignError when a bank has not so many rows."""
    rows = device.standard.organization.rows
    if needed > rows:
        raise CodesignError(f"device {device.name}: {needed} rows are needed, a bank has {rows}")
