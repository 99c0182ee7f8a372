"""NVDLA: the vendor's performance model row by row, and the area and power of its four published configurations.

The roofline is `codesign.compat.nvdla`. Rows with Winograd are left out: 4/9 of the multiplies is no machine of ours.
The machine `nvdla_large` as 32 dot products of 64 runs beside it, layer by layer, and is not judged: the two differ in
what they model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codesign.compat.nvdla import NvdlaLayer, roofline_cycles
from codesign.runner import run
from codesign.validate.comparison import Comparison
from codesign.validate.minimax import relative_minimax
from codesign.validate.tables import read_table
from workloads.formats import Format
from workloads.network import Network, Operator, Tensor

_SOURCE = "NVDLA performance model"
_PRIMER = "nvdla.org primer"
_CONFIGURATIONS = {"dram_only": False, "with_sram": True}
Row = dict[str, str]
#: NVDLA's arrangement of 2048 int8 MACs: 32 kernels, each a dot product of 64 channels.
ATOMS = ("array.style=dot_product", "array.rows=64", "array.cols=32")


def layers() -> list[tuple[Row, NvdlaLayer]]:
    """Return the rows of the estimator that hold cycles, each with its layer."""
    table, found = read_table("nvdla_perf_model_2048mac_int8.csv"), []
    for row, following in zip(table, (*table[1:], None), strict=True):
        if not row["dram_only_layer_cycles"]:
            continue
        c, h, w, k, r, s, p, q = (int(row[name]) for name in ("C", "H", "W", "K", "R", "S", "P", "Q"))
        pooled = following is not None and following["network"] == row["network"] and int(following["H"]) < p
        stored = int(following["H"]) * int(following["W"]) if pooled and following is not None else p * q
        size = float(row["weight_KiB"]) * 1024
        found.append((row, NvdlaLayer(c, h, w, k, r, s, p, q, size, row["attribute"] == "fc", stored)))
    return found


def name_of(row: Row, seen: dict[str, int]) -> str:
    """Return a row's name, numbered where the file has two of the name."""
    name = f"{row['network']}.{row['layer']}".replace(" ", "_")
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name}#{seen[name]}"


def _roofline() -> Iterator[Comparison]:
    for configuration, second_port in _CONFIGURATIONS.items():
        seen: dict[str, int] = {}
        for row, layer in layers():
            if row["winograd"] == "no":
                theirs = float(row[f"{configuration}_layer_cycles"])
                name = f"nvdla.{configuration}.{name_of(row, seen)}"
                yield Comparison(name, roofline_cycles(layer, second_port), theirs, "cycles", 0.01, "relative", _SOURCE)


def network_of(row: Row) -> Network:
    """Return a row's layer as a network, batch 1 (a fully connected layer: 16 frames)."""
    c, h, w, k, r, s, p, q = (int(row[name]) for name in ("C", "H", "W", "K", "R", "S", "P", "Q"))
    stride, frames = int(row["stride_h"]), 16 if row["attribute"] == "fc" else 1
    down, across = max(0, (p - 1) * stride + r - h), max(0, (q - 1) * stride + s - w)
    pads = (down // 2, across // 2, down - down // 2, across - across // 2)
    shapes = {"x": (frames, c, h, w), "w": (k, c, r, s), "y": (frames, k, p, q)}
    tensors = {key: Tensor(key, shape, Format("int8"), constant=key == "w") for key, shape in shapes.items()}
    operator = Operator("layer", "conv", ("x", "w"), ("y",), {"pads": pads, "strides": (stride, stride)})
    return Network(row["layer"], [operator], tensors, ("x",), ("y",), "shapes only", source=row["layer"])


def _machine() -> Iterator[Comparison]:
    """Yield the same rows on the cycle machine, DRAM alone; the file's two rows of one name are one layer."""
    seen: dict[str, int] = {}
    for row, _ in layers():
        if row["winograd"] != "no" or "#" in (name := name_of(row, seen)):
            continue
        frames = 16 if row["attribute"] == "fc" else 1
        ours = run(network_of(row), "nvdla_large", set=ATOMS).cycles / frames
        theirs = float(row["dram_only_layer_cycles"])
        yield Comparison(f"nvdla.machine.{name}", ours, theirs, "cycles", 0, "shown", _SOURCE)


def family() -> list[Row]:
    """Return NVDLA's configurations in the table of chips."""
    return [row for row in read_table("chip_ground_truth.csv") if row["chip"].startswith("NVDLA")]


def three_constants(column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (a MAC, a KiB, fixed) that come nearest to a column of the family in relative terms, and their figures."""
    rows = family()
    terms = np.array([[float(row["macs"]), float(row["sram_kib"]), 1.0] for row in rows])
    constants = relative_minimax(terms, np.array([float(row[column]) for row in rows]))
    return constants, terms @ constants


def _chips() -> Iterator[Comparison]:
    for column, unit, scale, allowed in (("area_mm2", "mm2", 1, 0.10), ("power_w", "mW", 1000, 0.15)):
        _, ours = three_constants(column)
        for row, value in zip(family(), ours, strict=True):
            name = f"nvdla.{column.partition('_')[0]}.{row['macs']}_macs"
            theirs = scale * float(row[column])
            yield Comparison(name, scale * float(value), theirs, unit, allowed, "relative", _PRIMER)


def comparisons() -> Iterator[Comparison]:
    """Yield the rows of NVDLA."""
    yield from _roofline()
    yield from _machine()
    yield from _chips()
