"""A layer divided among equal cores: by batch, by output channels or by rows of its output."""

from __future__ import annotations

from dataclasses import replace

from workloads.trace import Layer, Window

PARTITIONS = ("batch", "channels", "rows")


def shares(extent: int, cores: int, multiple: int = 1) -> list[tuple[int, int]]:
    """Return (first, size) of each core's share of an extent, in whole multiples as long as there are enough."""
    blocks = -(-extent // multiple)
    each, more = divmod(blocks, cores)
    found, first = [], 0
    for core in range(cores):
        size = min((each + (core < more)) * multiple, extent - first)
        if size > 0:
            found.append((first, size))
            first += size
    return found


def _by_batch(w: Window, cores: int) -> list[Window]:
    return [replace(w, batch=size) for _, size in shares(w.batch, cores)]


def _by_channels(w: Window, cores: int, cols: int, grouped: bool) -> list[Window]:
    if not grouped:
        return [replace(w, out_c=size) for _, size in shares(w.out_c, cores, min(cols, -(-w.out_c // cores)))]
    ins, outs = w.in_c // w.groups, w.out_c // w.groups
    return [replace(w, groups=n, in_c=n * ins, out_c=n * outs) for _, n in shares(w.groups, cores)]


def _by_rows(w: Window, cores: int) -> list[Window]:
    found = []
    for first, size in shares(w.out_h, cores):
        top = first * w.stride_h - w.pad_top
        bottom = top + (size - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h
        rows = min(bottom, w.in_h - 1) - max(top, 0) + 1
        found.append(replace(w, in_h=max(1, rows), out_h=size, pad_top=max(0, -top)))
    return found


def partition(layer: Layer, how: str, cores: int, cols: int) -> list[Layer]:
    """Return a layer's parts, at most one a core; fewer where the dimension is short, the whole where it has no share.

    Parameters
    ----------
    how : str
        One of `PARTITIONS`; channels are those of the output. Layers that are no convolution or product keep theirs.
    cols : int
        Columns of the array: shares of output channels are whole folds where there are enough.
    """
    w = layer.window
    if how == "batch":
        windows = _by_batch(w, cores)
    elif how == "rows":
        windows = _by_rows(w, cores)
    elif layer.engine == "matrix":
        windows = _by_channels(w, cores, cols, w.groups > 1)
    else:
        windows = [w]
    return [replace(layer, window=window, macs=window.macs if layer.engine == "matrix" else 0) for window in windows]
