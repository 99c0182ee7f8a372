"""Count the bits that toggle in a stream of values, and the streams of a layer's operands (`workloads.activity`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from workloads.formats import parse_format
from workloads.trace import Window

#: Values of a tensor up to which every one is counted; of a larger one, rows at an even distance.
MOST_VALUES = 1 << 26
_CHUNK_VALUES = 1 << 20
_ONES_OF_BYTE = np.array([value.bit_count() for value in range(256)], np.uint8)
_FLOATS = {"fp16": np.float16, "fp32": np.float32, "fp64": np.float64}


@dataclass(frozen=True)
class Stream:
    """What lanes see one row after the other: a row a position (activations) or output (weights), `depth` values each.

    Attributes
    ----------
    rows : callable
        Rows by their indices, int64 (n,): unsigned patterns (n, groups, depth). Depths of two groups never follow
        one another.
    count : int
        Rows in all.
    period : int
        Rows after which an image's next line begins; a sample does not keep in step with it.
    """

    rows: Callable[[np.ndarray], np.ndarray]
    count: int
    period: int = 1


@dataclass(frozen=True)
class ToggleCounts:
    """Integer counts over a stream; those of several parts add up.

    Attributes
    ----------
    across, across_bits : int
        Bits that differ between successive rows at one depth, and bits compared.
    along, along_bits : int
        The same between successive depths of one row.
    zeros, values : int
        Patterns that are zero, and patterns seen.
    """

    across: int = 0
    across_bits: int = 0
    along: int = 0
    along_bits: int = 0
    zeros: int = 0
    values: int = 0

    def __add__(self, other: ToggleCounts) -> ToggleCounts:
        return ToggleCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(ToggleCounts)))

    @property
    def rates(self) -> tuple[float, float, float]:
        """Return (toggles across rows, toggles along depth, zeros), each 0 to 1.

        Where a stream has one row, the next value on a lane is one of another depth, so the other order's rate
        stands for it, and the reverse; a single value toggles nothing.
        """
        across = self.across / self.across_bits if self.across_bits else None
        along = self.along / self.along_bits if self.along_bits else None
        other = next((rate for rate in (across, along) if rate is not None), 0.0)
        zeros = self.zeros / self.values if self.values else 0.0
        return other if across is None else across, other if along is None else along, zeros


def patterns(values: np.ndarray, format_name: str) -> np.ndarray | None:
    """Return the stored bits of values as unsigned integers, None for a format that numpy cannot write (fp8)."""
    number_format = parse_format(format_name)
    if number_format.is_integer:
        width = next(width for width in (8, 16, 32, 64) if width >= number_format.bits)
        mask = np.array((1 << number_format.bits) - 1, f"u{width // 8}")
        return np.asarray(values).astype(mask.dtype) & mask
    if format_name == "bf16":  # the upper half of a float32, rounded half even
        whole = np.ascontiguousarray(values, np.float32).view(np.uint32)
        return ((whole + np.uint32(0x7FFF) + ((whole >> 16) & 1)) >> 16).astype(np.uint16)
    if format_name not in _FLOATS:
        return None
    floats = np.ascontiguousarray(values, _FLOATS[format_name])
    return floats.view(f"u{floats.dtype.itemsize}")


def weight_stream(bits: np.ndarray) -> Stream:
    """Return the stream of weights O, I/groups, R, S, a row an output; depth is tap-major, channels innermost."""
    outputs, channels = bits.shape[:2]
    by_depth = bits.reshape(outputs, channels, -1).transpose(0, 2, 1).reshape(outputs, 1, -1)
    return Stream(lambda indices: by_depth[indices], outputs)


def matrix_stream(bits: np.ndarray) -> Stream:
    """Return the stream of a matrix (rows, depth)."""
    return Stream(lambda indices: bits[indices, None], len(bits))


def window_stream(window: Window, image: np.ndarray, padding: int) -> Stream:
    """Return the stream of an image, a row an output position; depth is tap-major, a group's channels innermost.

    Parameters
    ----------
    image : numpy.ndarray
        Patterns (N, C, H, W).
    padding : int
        The pattern outside the image: the input's zero point.
    """
    w = window
    height = (w.out_h - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1
    width = (w.out_w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1
    canvas = np.full((len(image), height, width, image.shape[1]), padding, image.dtype)
    top, left = max(w.pad_top, 0), max(w.pad_left, 0)  # a negative padding leaves out the image's first lines
    inside = image.transpose(0, 2, 3, 1)[:, max(-w.pad_top, 0) :, max(-w.pad_left, 0) :]
    inside = inside[:, : max(height - top, 0), : max(width - left, 0)]
    canvas[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
    n, y, x, c = canvas.strides
    taps = np.lib.stride_tricks.as_strided(
        canvas, (len(image), w.out_h, w.out_w, w.kernel_h, w.kernel_w, image.shape[1]),
        (n, y * w.stride_h, x * w.stride_w, y * w.dilation_h, x * w.dilation_w, c), writeable=False,
    )  # fmt: skip

    def rows(indices: np.ndarray) -> np.ndarray:
        batch, pixel = np.divmod(indices, w.out_h * w.out_w)
        taken = taps[batch, pixel // w.out_w, pixel % w.out_w]
        grouped = taken.reshape(len(indices), w.kernel_h * w.kernel_w, w.groups, -1)
        return grouped.swapaxes(1, 2).reshape(len(indices), w.groups, -1)

    return Stream(rows, len(image) * w.out_h * w.out_w, w.out_w)


def count_toggles(stream: Stream, bits: int, most_values: int = MOST_VALUES) -> ToggleCounts:
    """Count the toggles of a stream of values `bits` wide.

    Above `most_values` only every n-th row is counted, against its successor; n is the least that suffices and has
    no divisor in common with the stream's period, so that the ends of lines get their share.
    """
    size = stream.rows(np.zeros(1, np.int64)).size
    step = max(1, -(-stream.count * size // most_values))
    while np.gcd(step, stream.period) > 1:
        step += 1
    length = max(1, _CHUNK_VALUES // max(size, 1))
    total = ToggleCounts()
    for first in range(0, stream.count, step * length):
        here, there = _rows_and_successors(stream, first, step, length)
        across, along = here[: len(there)] ^ there, here[:, :, 1:] ^ here[:, :, :-1]
        zeros = here.size - int(np.count_nonzero(here))
        total += ToggleCounts(_ones(across), across.size * bits, _ones(along), along.size * bits, zeros, here.size)
    return total


def _rows_and_successors(stream: Stream, first: int, step: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return up to `length` rows from `first` on, and the row after each but the stream's last."""
    if step == 1:
        rows = stream.rows(np.arange(first, min(first + length + 1, stream.count)))
        return rows[:length], rows[1:]
    indices = np.arange(first, min(first + step * length, stream.count), step)
    return stream.rows(indices), stream.rows(indices[indices + 1 < stream.count] + 1)


def _ones(words: np.ndarray) -> int:
    """Return how many bits are set in all of some unsigned words."""
    return int(_ONES_OF_BYTE[np.ascontiguousarray(words).reshape(-1).view(np.uint8)].sum(dtype=np.int64))
