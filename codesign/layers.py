"""The layers of a result: rows with stable keys, by position or name, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, overload

from workloads.activity import Activity
from workloads.errors import CodesignError, did_you_mean
from workloads.trace import Window

#: The keys of a row that hold one value, in their order; ``to_pandas`` and the CSV have these columns.
COLUMNS = (
    "name", "operator", "where", "shape", "repeat", "macs", "weight_density", "cycles", "compute_cycles",
    "stall_cycles", "busy",
    "utilization", "dram_read_bytes", "dram_write_bytes", "dram_bytes", "energy_pj", "bottleneck", "bound_by",
    "bound_share", "note",
)  # fmt: skip
#: The keys of a row that hold a dictionary.
DETAILS = ("cycle_classes", "energy_by_component_pj", "counters", "activity")
#: The keys of a row's activity (`workloads.activity.Activity`); None but for layers that multiply matrices.
ACTIVITY = tuple(entry.name for entry in fields(Activity))


class Layers(Sequence[dict[str, Any]]):
    """Rows in the order of the network; ``layers[0]``, ``layers["conv1"]``, ``for row in layers``."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    @overload
    def __getitem__(self, key: int | str) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, key: slice) -> Layers: ...
    def __getitem__(self, key: int | str | slice) -> dict[str, Any] | Layers:
        if isinstance(key, slice):
            return Layers(self._rows[key])
        if isinstance(key, int):
            return self._rows[key]
        for row in self._rows:
            if row["name"] == key:
                return row
        names = [row["name"] for row in self._rows]
        raise CodesignError(f"layers: there is no layer '{key}'{did_you_mean(key, names)}")

    def __repr__(self) -> str:
        first = ", ".join(row["name"] for row in self._rows[:3])
        return f"<{len(self)} layers: {first}{' ...' if len(self) > 3 else ''}>"

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with the columns `COLUMNS`, indexed by position.

        Raises
        ------
        CodesignError
            When pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise CodesignError('layers.to_pandas: pandas is not installed; pip install "codesign[pandas]"') from error
        return pandas.DataFrame([{key: row[key] for key in COLUMNS} for row in self._rows], columns=list(COLUMNS))


def shape_text(engine: str, window: Window, shape: Sequence[int] = ()) -> str:
    """Return a layer's shape in one short phrase.

    A GEMM is ``M x K x N``; a convolution ``HxWxC -> HxWxC RxS/stride``; another layer its output's shape, or
    pixels x channels where that is unknown.
    """
    w = window
    spatial = (w.in_h, w.in_w, w.out_h, w.out_w) != (w.in_h, 1, w.in_h, 1)
    kernel = f"{w.kernel_h}x{w.kernel_w}"
    stride = "" if w.stride_h == w.stride_w == 1 else f"/{w.stride_h}"
    if engine == "matrix" and not spatial and kernel == "1x1" and w.groups == 1:
        m, k, n = w.gemm
        return f"{m} x {k} x {n}"
    if engine == "matrix" or kernel != "1x1":
        groups = f" g{w.groups}" if w.groups > 1 and engine == "matrix" else ""
        return f"{w.in_h}x{w.in_w}x{w.in_c} -> {w.out_h}x{w.out_w}x{w.out_c} {kernel}{stride}{groups}"
    if len(shape) == 4 and w.out_h * w.out_w > 1:
        return f"{w.out_h}x{w.out_w}x{w.out_c}"
    return "x".join(str(size) for size in shape) if shape else f"{w.out_h}x{w.out_w}x{w.out_c}"
