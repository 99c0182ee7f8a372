"""Equal blocks of a network, shown once: 32 decoder blocks are the rows of one, named for all."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBERED = re.compile(r"(.*?\.)(\d+)([./].*)")
Cells = dict[str, str]


def fold_blocks(rows: Sequence[Cells]) -> tuple[list[Cells], list[str]]:
    """Return `rows` with consecutive equal blocks folded into the first, and a line for each fold.

    Rows of a block are those in a row whose names start alike and carry the same number (``block.7.mlp.up``); blocks
    are equal when all cells but the number are. Folded rows are named ``block.0-31.mlp.up``, their figures
    are those of one.
    """
    folded: list[Cells] = []
    notes: list[str] = []
    blocks = _blocks(rows)
    at = 0
    while at < len(blocks):
        start, first = blocks[at]
        end = at + 1
        while start is not None and end < len(blocks) and _follows(blocks[at], blocks[end], end - at):
            end += 1
        if end - at > 1 and start is not None:
            prefix, number = start
            span = f"{prefix}{number}-{number + end - at - 1}"
            folded += [{**row, "layer": span + _parts(row["layer"])[2]} for row in first]
            notes.append(f"{span}: {end - at} equal blocks, a row shows one of them")
        else:
            folded += first
        at = end
    return folded, notes


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


def _unnumbered(row: Cells) -> list[str]:
    return [_parts(value)[2] if name == "layer" else value for name, value in row.items()]
