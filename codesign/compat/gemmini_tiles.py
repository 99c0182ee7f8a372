"""How Gemmini's C library cuts a product or a convolution into tiles; facts of its source, no code of it.

ucb-bar/gemmini-rocc-tests, include/gemmini.h, `tiled_matmul_auto` and `tiled_conv_auto` of 2021. Sizes are in rows of
scratchpad and accumulator, as wide as the array: one half of each for a tile, so that two are in flight.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from simulators.machine import Machine
from workloads.trace import Window

#: Where a tile of a convolution holds what: images, pooled rows and columns, output channels, kernel, input channels.
IMAGES, ROWS, COLUMNS, OUTPUTS, KERNEL_H, KERNEL_W, INPUTS = range(7)


@dataclass(frozen=True)
class Halves:
    """What a tile may fill: the array's width (`dim`), rows of half the scratchpad and of half the accumulator."""

    dim: int
    operands: int
    sums: int

    @classmethod
    def of(cls, machine: Machine) -> Halves:
        """Return the halves of a machine; its scratchpad and weight buffer stand for the one memory there."""
        dim = machine.array.cols
        both = machine.scratchpad.size_bytes + machine.weight_buffer.size_bytes
        return cls(dim, both // dim // 2, machine.accumulator.size_bytes // (4 * dim) // 2)


@dataclass(frozen=True)
class Pool:
    """A maximum over `size` x `size` sums every `stride`, taken as a tile is stored; 1 and 1: none."""

    size: int = 1
    stride: int = 1

    def before(self, pooled: int) -> int:
        """Return the rows (columns) of sums that so many pooled ones are computed from, as the library counts them."""
        return pooled * self.stride + self.size - 1


def ceil_div(a: int, b: int) -> int:
    """Return the quotient rounded up."""
    return -(-a // b)


def matmul_tile(m: int, k: int, n: int, halves: Halves) -> tuple[int, int, int]:
    """Return a tile of an m x k x n product: (m, k, n), multiples of the array's width.

    It starts square in m and n with the deepest k and grows n, m and k by turns while all fits.
    """
    dim = halves.dim
    most = ceil_div(m, dim), ceil_div(n, dim), ceil_div(k, dim)
    side = isqrt(halves.sums // dim)
    deep = halves.operands // 2 // dim // side
    i, j, depth = min(most[0], side), min(most[1], side), min(most[2], deep)

    def fits(i: int, j: int, depth: int) -> bool:
        held = (i + j) * depth * dim <= halves.operands and i * j * dim <= halves.sums
        return held and i <= most[0] and j <= most[1] and depth <= most[2]

    while True:
        before = i, j, depth
        j += fits(i, j + 1, depth)
        i += fits(i + 1, j, depth)
        depth += fits(i, j, depth + 1)
        if (i, j, depth) == before:
            return i * dim, depth * dim, j * dim


def conv_tile(w: Window, halves: Halves, pool: Pool | None = None, pooled: int | None = None) -> list[int]:
    """Return a tile of a convolution, by `IMAGES` ... `INPUTS`.

    Its largest extent shrinks until all fits (columns not below the array's width while there are several rows), then
    each grows again by one by turns, columns first.

    Parameters
    ----------
    pooled : int
        Rows of the pooled output; the convolution's own when absent.
    """
    pool = pool or Pool()
    rows = pooled or w.out_h
    most = [w.batch, rows, rows if pooled else w.out_w, w.out_c, w.kernel_h, w.kernel_w, w.in_c]
    tile = list(most)
    while not _conv_fits(tile, w, halves, pool):
        largest = _largest(tile, halves.dim)
        if largest in (OUTPUTS, INPUTS):
            rest = tile[largest] % halves.dim
            tile[largest] = (tile[largest] - (rest or halves.dim)) or 1
        else:
            tile[largest] -= 1
    while _grow(tile, COLUMNS, most, w, halves, pool):
        pass
    while sum(_grow(tile, extent, most, w, halves, pool) for extent in range(7)):
        pass
    return tile


def _largest(tile: list[int], dim: int) -> int:
    found, value = -1, -1
    for extent, size in enumerate(tile):
        kept = extent == COLUMNS and size <= dim and tile[ROWS] > 1
        if not kept and size > value:
            found, value = extent, size
    return found


def _grow(tile: list[int], extent: int, most: list[int], w: Window, halves: Halves, pool: Pool) -> bool:
    """Let one extent grow by one; return whether it could."""
    tile[extent] += 1
    if tile[extent] <= most[extent] and _conv_fits(tile, w, halves, pool):
        return True
    tile[extent] -= 1
    return False


def _conv_fits(tile: list[int], w: Window, halves: Halves, pool: Pool) -> bool:
    images, rows, columns, outputs, kernel_h, kernel_w, inputs = tile
    out_h, out_w, dim = pool.before(rows), pool.before(columns), halves.dim
    in_h, in_w = out_h * w.stride_h + kernel_h - 1, out_w * w.stride_w + kernel_w - 1
    if skips(w):
        in_h, in_w = in_h // 2, in_w // 2
    operands = ceil_div(inputs, dim) * images * in_h * in_w + ceil_div(outputs, dim) * kernel_h * kernel_w * inputs
    return operands <= halves.operands and ceil_div(outputs, dim) * images * out_h * out_w <= halves.sums


def skips(w: Window) -> bool:
    """Whether only the inputs in use are loaded: every second of a 1 x 1 convolution with stride 2."""
    return w.kernel_h == w.kernel_w == 1 and w.stride_h == w.stride_w == 2 and w.pad_top == w.pad_left == 0
