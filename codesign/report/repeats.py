"""Equal blocks of a network, shown once: 32 decoder blocks are the rows of one, named for all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_NUMBERED = re.compile(r"(.*?\.)(\d+)([./].*)")
Cells = dict[str, Any]
#: A key of `Cells` that is not compared.
_OWN = "row"


def fold_blocks(rows: Sequence[Cells]) -> tuple[list[Cells], list[str]]:
    """Return `rows` with consecutive equal blocks folded into the first, and a line for each fold.

    Rows of a block are those in a row whose names start alike and carry the same number (``block.7.mlp.up``); blocks
    are equal when all cells but the number are. Folded rows are named ``block.0-31.mlp.up``, their figures
    are those of one.
    """
    folded: list[Cells] = []
    notes: list[str] = []
    for span, first, count in _folds(rows):
        folded += [{**row, "layer": span + _parts(row["layer"])[2]} for row in first] if span else first
        if span:
            notes.append(f"{span}: {count} equal blocks, a row shows one of them")
    return folded, notes


def fold_layers(layers: Iterable[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any], int]]:
    """Return (name, row, blocks) of a result's layers: those of equal blocks once, with how many blocks there are.

    Blocks are equal when shapes and cycles, class by class, are.
    """
    keys = ("operator", "shape", "cycles", "cycle_classes")
    cells = [{"layer": row["name"], **{key: row[key] for key in keys}, _OWN: row} for row in layers]
    return [
        (span + _parts(cell["layer"])[2] if span else cell["layer"], cell[_OWN], count)
        for span, first, count in _folds(cells)
        for cell in first
    ]


def unnumbered(name: str) -> tuple[str, str]:
    """Return what the names of one layer in several blocks have in common: of ``block.7.mlp.up`` its two ends."""
    prefix, _, rest = _parts(name)
    return prefix, rest


def label_of(names: Sequence[str]) -> str:
    """Return one name for one layer in several blocks, its numbers as spans: ``block.0-5,9.mlp.up``."""
    if len(names) == 1:
        return names[0]
    spans: list[list[int]] = []
    for number in sorted(number for _, number, _ in map(_parts, names) if number is not None):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    prefix, rest = unnumbered(names[0])
    return f"{prefix}{','.join(str(a) if a == b else f'{a}-{b}' for a, b in spans)}{rest}"


def _folds(rows: Sequence[Cells]) -> Iterator[tuple[str, list[Cells], int]]:
    """Yield (name of all, rows of the first, how many) of blocks in a row that are equal; a single one has no name."""
    blocks = _blocks(rows)
    at = 0
    while at < len(blocks):
        start, first = blocks[at]
        end = at + 1
        while start is not None and end < len(blocks) and _follows(blocks[at], blocks[end], end - at):
            end += 1
        count = end - at
        yield (f"{start[0]}{start[1]}-{start[1] + count - 1}" if start and count > 1 else ""), first, count
        at = end


Block = tuple[tuple[str, int] | None, list[Cells]]


def _parts(name: str) -> tuple[str, int | None, str]:
    match = _NUMBERED.fullmatch(name)
    return (match[1], int(match[2][:9]), match[3]) if match else (name, None, "")


def _blocks(rows: Sequence[Cells]) -> list[Block]:
    """Cut rows where the number of their names changes."""
    blocks: list[Block] = []
    for row in rows:
        prefix, number, _ = _parts(row["layer"])
        start = None if number is None else (prefix, number)
        if start is not None and blocks and blocks[-1][0] == start:
            blocks[-1][1].append(row)
        else:
            blocks.append((start, [row]))
    return blocks


def _follows(first: Block, other: Block, distance: int) -> bool:
    """Whether `other` is the block `distance` after `first`, equal in all but its number."""
    if first[0] is None or other[0] is None or other[0] != (first[0][0], first[0][1] + distance):
        return False
    return [_unnumbered(row) for row in first[1]] == [_unnumbered(row) for row in other[1]]


def _unnumbered(row: Cells) -> list[Any]:
    return [_parts(value)[2] if name == "layer" else value for name, value in row.items() if name != _OWN]
