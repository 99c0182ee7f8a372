"""A network as Gemmini's C library ran it in February 2021: its calls, their tiles, and what the host core did.

Facts from ucb-bar/gemmini-rocc-tests (include/gemmini.h, imagenet/resnet50.c) and ucb-bar/gemmini (LoopMatmul.scala,
LoopConv.scala, ExecuteController.scala), no code of them; docs/validation.md says which is which. Each mechanism is
general: it looks at windows and buffers, at no name. A `Call` is a layer as it is executed and how it is tiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from codesign.compat.gemmini_tiles import (
    COLUMNS,
    IMAGES,
    INPUTS,
    OUTPUTS,
    ROWS,
    Halves,
    Pool,
    ceil_div,
    conv_tile,
    matmul_tile,
    skips,
)
from simulators.machine import Machine
from simulators.npu.plan import Tiling
from workloads.trace import Layer, Trace, Window

#: What can be left out, in the order of the table in docs/validation.md.
MECHANISMS = ("tiles", "pooling", "every", "rows", "biases", "fence", "host")
#: Blocks as wide as the array in one row of a load: 64 bytes (`MAX_BLOCK_LEN`). Products overlap loads by so much.
BLOCKS = 4
#: Rocket's data cache (`WithNBigCores`: blocking, 64 sets of 4 ways, lines of 64 bytes).
SETS, WAYS, LINE_BYTES = 64, 4, 64
#: Instructions of the host for each value that it averages: load, add, address, count, branch; one a cycle.
INSTRUCTIONS = 5


@dataclass(frozen=True)
class Call:
    """A layer as executed and its tiling; None leaves it to the mapper."""

    layer: Layer
    tiling: Tiling | None = None


def calls(trace: Trace, machine: Machine, mechanisms: tuple[str, ...] = MECHANISMS) -> Iterator[Call]:
    """Yield a trace's layers as the library executes them; what the host does is left out.

    Parameters
    ----------
    mechanisms : tuple of str
        Of `MECHANISMS`: `tiles` the library's, `pooling` within convolutions, `every` step loads both operands,
        `rows` of a store as wide as the array, `biases` fetched for each row of sums, `fence` between the tiles of a
        product, `host` for averages.
    """
    pools = {layer.inputs[0]: layer for layer in trace.layers if layer.function == "max_pool"}
    fused: set[str] = set()
    for layer in trace.layers:
        if layer.name in fused or ("host" in mechanisms and is_host(layer)):
            continue
        if layer.engine != "matrix" or layer.window.groups > 1 or "tiles" not in mechanisms:
            yield Call(layer)
            continue
        pool = pools.get(layer.outputs[0]) if "pooling" in mechanisms else None
        if is_product(layer.window):
            yield _product(layer, machine, mechanisms)
        else:
            yield _convolution(layer, pool, machine, mechanisms)
            fused |= {pool.name} if pool else set()


def is_product(w: Window) -> bool:
    """Whether a layer is called as a matrix product: one tap, no stride, no padding."""
    return w.kernel_h == w.kernel_w == w.stride_h == w.stride_w == 1 and w.pad_top == w.pad_left == 0


def is_host(layer: Layer) -> bool:
    """Whether the host core computes a layer: an average over a whole map."""
    return layer.function == "average_pool" and layer.window.out_h == layer.window.out_w == 1


def _product(layer: Layer, machine: Machine, mechanisms: tuple[str, ...]) -> Call:
    """Return a product's call: its tiles stand alone, and loads of the next BLOCKS of k go beside a tile's work."""
    m, k, n = layer.window.gemm
    rows, depth, columns = matmul_tile(m, k, n, Halves.of(machine))
    window = Window(in_h=1, in_w=m, in_c=k, out_h=1, out_w=m, out_c=n)
    ahead = min(depth, BLOCKS * machine.array.cols) if "fence" in mechanisms else depth
    tiling = Tiling("array", 1, 1, min(m, rows), min(n, columns), min(k, ahead), "activations_outer")
    biases = ("fenced" if "fence" in mechanisms else "rows") if "biases" in mechanisms else "late"
    return Call(replace(layer, window=window), _with(tiling, biases, machine, mechanisms))


def _convolution(layer: Layer, pooled: Layer | None, machine: Machine, mechanisms: tuple[str, ...]) -> Call:
    """Return a convolution's call. Sums under the windows of two tiles of pooling are computed for both."""
    w = layer.window
    if pooled is None:
        tile = conv_tile(w, Halves.of(machine))
        extents = (tile[ROWS], tile[COLUMNS])
        if skips(w):
            w = replace(w, in_h=w.out_h, in_w=w.out_w, stride_h=1, stride_w=1)
    else:
        p = pooled.window
        pool = Pool(p.kernel_h, p.stride_h)
        tile = conv_tile(w, Halves.of(machine), pool, p.out_h)
        high = _computed(p.out_h, tile[ROWS], pool, p.pad_top, w.out_h)
        wide = _computed(p.out_w, tile[COLUMNS], pool, p.pad_left, w.out_w)
        extents = (min(high, pool.before(tile[ROWS])), min(wide, pool.before(tile[COLUMNS])))
        w = replace(
            w, out_h=high, out_w=wide, in_h=(high - 1) * w.stride_h + w.kernel_h,
            in_w=(wide - 1) * w.stride_w + w.kernel_w, pad_top=0, pad_left=0,
        )  # fmt: skip
    tiling = Tiling("array", tile[IMAGES], *extents, tile[OUTPUTS], tile[INPUTS], "activations_outer")
    biases = "rows" if "biases" in mechanisms else "late"
    return Call(replace(layer, window=w), _with(tiling, biases, machine, mechanisms))


def _computed(pooled: int, tile: int, pool: Pool, padding: int, whole: int) -> int:
    """Return the rows (columns) of sums that all tiles of pooled ones compute together."""
    total = 0
    for first in range(0, pooled, tile):
        start = first * pool.stride - padding
        end = start + pool.before(min(tile, pooled - first))
        total += min(end, whole) - max(start, 0)
    return total


def _with(tiling: Tiling, biases: str, machine: Machine, mechanisms: tuple[str, ...]) -> Tiling:
    loads = "every" if "every" in mechanisms else "kept"
    return replace(tiling, loads=loads, bias=biases, store_c=machine.array.cols if "rows" in mechanisms else 0)


def host_cycles(layer: Layer, machine: Machine) -> int:
    """Return the cycles in which the host averages a map, channel by channel over all its pixels.

    A value is a byte in another line than the one before. If a channel's lines do not fit the cache's sets that they
    fall in, each is fetched again for the next channel: a blocking cache waits for the latency and the line, with the
    memory that the machine has behind its DMA.
    """
    w, memory = layer.window, machine.memory
    pixels = w.in_h * w.in_w
    values = w.batch * pixels * w.in_c
    sets = len({pixel * w.in_c // LINE_BYTES % SETS for pixel in range(pixels)})
    misses = values if pixels > sets * WAYS else ceil_div(values, LINE_BYTES)
    fetch = memory.latency_cycles + ceil_div(LINE_BYTES, memory.bytes_per_cycle)
    return values * INSTRUCTIONS + misses * fetch
