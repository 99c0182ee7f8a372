"""Toggle rates by their definition: plain Python, one pair of values after the other."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from workloads.trace import Window

#: (across rows, along depth, zeros) of a stream; a row is a list of groups, a group a list of values.
Rates = tuple[float, float, float]
Rows = list[list[list[int]]]


def toggled_bits(one: int, other: int, bits: int) -> int:
    """Return the Hamming distance of two's complement patterns."""
    return bin((one ^ other) & ((1 << bits) - 1)).count("1")


def rates(parts: list[Rows], bits: int) -> Rates:
    """Return the rates of streams; values of two streams, or of two groups along depth, are never compared."""
    across = [
        toggled_bits(a, b, bits)
        for rows in parts for one, other in pairwise(rows)
        for first, second in zip(one, other, strict=True) for a, b in zip(first, second, strict=True)
    ]  # fmt: skip
    groups = [group for rows in parts for row in rows for group in row]
    along = [toggled_bits(a, b, bits) for group in groups for a, b in pairwise(group)]
    values = [value for group in groups for value in group]
    means = [float(Fraction(sum(pairs), len(pairs) * bits)) if pairs else None for pairs in (across, along)]
    known = [mean for mean in means if mean is not None] or [0.0]
    first, second = (known[0] if mean is None else mean for mean in means)
    return first, second, values.count(0) / len(values)


def window_rows(window: Window, image: list, padding: int) -> Rows:
    """Return the stream of an image N, C, H, W (nested lists): what each output position reads, tap by tap."""
    w = window
    channels = w.in_c // w.groups
    rows = []
    for n in range(w.batch):
        for oh in range(w.out_h):
            for ow in range(w.out_w):
                row = []
                for group in range(w.groups):
                    lane = []
                    for kh in range(w.kernel_h):
                        for kw in range(w.kernel_w):
                            y = oh * w.stride_h + kh * w.dilation_h - w.pad_top
                            x = ow * w.stride_w + kw * w.dilation_w - w.pad_left
                            inside = 0 <= y < w.in_h and 0 <= x < w.in_w
                            for c in range(group * channels, (group + 1) * channels):
                                lane.append(image[n][c][y][x] if inside else padding)
                    row.append(lane)
                rows.append(row)
    return rows


def weight_rows(weights: list) -> Rows:
    """Return the stream of weights O, I/groups, R, S (nested lists): a row an output."""
    rows = []
    for output in weights:
        channels, height, width = len(output), len(output[0]), len(output[0][0])
        taps = [(r, s) for r in range(height) for s in range(width)]
        rows.append([[output[c][r][s] for r, s in taps for c in range(channels)]])
    return rows
