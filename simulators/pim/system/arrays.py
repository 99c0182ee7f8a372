"""When arrays that share a product are done with it, given when each part of its operands has come.

The tokens stay in the arrays (`is`) and weights stream by, in the order in which they are fetched; the arrays split
the rows of a tile of weights, so that a tile of `rows` columns takes rows / arrays clocks whatever the tokens are, up
to `cols` of them: a product's time is flat below that. A stationary tile takes `rows` clocks to come in, beside the
stream before it where the machine has shadow registers. Sums of a block stay on chip until all of its depth is in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.kernels import kernel
from simulators.pim.system.block import OPERAND_BYTES, Product

SUM_BYTES = 4


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


class Arrays(NamedTuple):
    """Arrays that share products.

    Attributes
    ----------
    rows, cols : int
        Of one array: depth of a stationary tile, tokens in it.
    number : int
    sum_bytes : int
        Of the accumulators of all of them.
    shadow : bool
        The next stationary tile comes in beside the stream.
    bytes_per_clock : float
        Peak of the memory beside them, to weigh fetching against preloads; 0: only fetching counts.
    """

    rows: int
    cols: int
    number: int
    sum_bytes: int
    shadow: bool
    bytes_per_clock: float = 0.0

    @property
    def tile_clocks(self) -> int:
        """Clocks in which a tile of weights streams by."""
        return _ceil(self.rows, self.number)


class Blocks(NamedTuple):
    """A product cut into blocks whose sums stay on chip: tokens and columns of one, and how many of each."""

    tokens: int
    columns: int
    token_blocks: int
    column_blocks: int


def blocks_of(arrays: Arrays, product: Product, tokens: int) -> Blocks:
    """Return the blocks that are done soonest, by fetching or by the arrays; of equal ones those that fetch least.

    Weights are fetched once a block of tokens, tokens once a block of columns. Narrow blocks of columns preload more.
    """
    best, least = None, (0.0, 0)
    for token_blocks in range(1, _ceil(tokens, arrays.cols) + 1):
        height = _ceil(_ceil(tokens, token_blocks), arrays.cols) * arrays.cols
        fits = SUM_BYTES * min(height, tokens) * arrays.rows <= arrays.sum_bytes or height == arrays.cols
        if _ceil(tokens, height) != token_blocks or not fits:
            continue
        width = arrays.sum_bytes // (SUM_BYTES * min(height, tokens)) // arrays.rows * arrays.rows
        width = min(max(width, arrays.rows), _ceil(product.width, arrays.rows) * arrays.rows)
        cut = Blocks(min(height, tokens), width, token_blocks, _ceil(product.width, width))
        fetched = product.weight_bytes * token_blocks + tokens * product.depth * OPERAND_BYTES * cut.column_blocks
        rate = arrays.bytes_per_clock
        clocks = max(fetched / rate, float(_clocks_of(arrays, product, tokens, cut))) if rate else 0.0
        if best is None or (clocks, fetched) < least:
            best, least = cut, (clocks, fetched)
    assert best is not None
    return best


def _clocks_of(arrays: Arrays, product: Product, tokens: int, cut: Blocks) -> int:
    """Return the clocks of the arrays when nothing is waited for: all blocks are alike but the last ones."""
    last_height = tokens - (cut.token_blocks - 1) * cut.tokens
    last_width = product.width - (cut.column_blocks - 1) * cut.columns
    total = 0
    for blocks, height in ((cut.token_blocks - 1, cut.tokens), (1, last_height)):
        for of_columns, width in ((cut.column_blocks - 1, cut.columns), (1, last_width)):
            streamed = _ceil(width, arrays.rows) * arrays.tile_clocks
            meeting = max(arrays.rows, streamed) if arrays.shadow else arrays.rows + streamed
            total += blocks * of_columns * _ceil(height, arrays.cols) * meeting
    return _ceil(product.depth, arrays.rows) * total


def parts_of(arrays: Arrays, product: Product, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the parts of a product's operands in the order of fetching: bytes, and passes over the arrays.

    Returns
    -------
    sizes : int64 (parts,)
        Bytes.
    passes : int64 (parts,)
        0 for a slice of tokens; for a tile of weights, the stationary tiles of tokens that it meets.
    """
    cut, sizes, passes = blocks_of(arrays, product, tokens), [], []
    for block in range(cut.token_blocks):
        height = min(cut.tokens, tokens - block * cut.tokens)
        meets = _ceil(height, arrays.cols)
        for first in range(0, product.width, cut.columns):
            columns = min(cut.columns, product.width - first)
            full, rest = divmod(columns, arrays.rows)
            for k in range(0, product.depth, arrays.rows):
                depth = min(arrays.rows, product.depth - k)
                tiles = [depth * arrays.rows * OPERAND_BYTES] * full + [depth * rest * OPERAND_BYTES] * (rest > 0)
                sizes += [depth * height * OPERAND_BYTES, *tiles]
                passes += [0, *([meets] * len(tiles))]
    return np.array(sizes, np.int64), np.array(passes, np.int64)


@kernel
def _consume(arrived, passes, preload, tile_clocks, shadow):
    free, begin, i, parts = 0, 0, 0, arrived.shape[0]
    while i < parts:
        here = arrived[i]  # a slice of tokens: its tiles of weights follow
        last = i + 1
        while last < parts and passes[last] > 0:
            last += 1
        for meeting in range(passes[min(i + 1, parts - 1)]):
            begin = max(here, free) if shadow == 0 else max(here, free - preload)
            free = max(free, begin + preload)
            for j in range(i + 1, last):
                free = (max(free, arrived[j]) if meeting == 0 else free) + tile_clocks
        i = last
    return free


def compute_clocks(arrays: Arrays, arrived: np.ndarray, passes: np.ndarray) -> int:
    """Return when the last sum has left the arrays.

    Parameters
    ----------
    arrived : int64 (parts,)
        Clock in which each part of `parts_of` is on chip; zeros tell the clocks of the arrays alone.
    passes : int64 (parts,)
        As `parts_of` gives them.
    """
    free = int(_consume(arrived, passes, arrays.rows, arrays.tile_clocks, int(arrays.shadow)))
    return free + arrays.rows + arrays.cols - 2
