"""Import a SCALE-Sim topology CSV: its convolution and GEMM dialects, as SCALE-Sim 3 reads them.

Convolution rows hold ``Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter,
Strides`` (or a stride for each axis); GEMM rows hold ``Layer, M, N, K``. A trailing comma may stand or not. Layers
are independent: each reads an input of its own. H_out = ceil((H - R + stride) / stride); what the last window needs
beyond the image is padding at the bottom and right.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from workloads.errors import CodesignError, did_you_mean
from workloads.formats import Format
from workloads.network import Network, Operator, Tensor

_CONV = ("IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width", "Channels", "Num Filter", "Strides")
_CONV_TWO_STRIDES = (*_CONV[:-1], "Stride Height", "Stride Width")
_GEMM = ("M", "N", "K")
_DIALECTS = (_CONV, _CONV_TWO_STRIDES, _GEMM)
_MAX_VALUE = 2**31 - 1
_MAX_ELEMENTS = 2**40
_MAX_BYTES = 1 << 24
_SPELLINGS = {
    "layername": "layer", "layer": "layer", "name": "layer", "ifmapheight": "ifmapheight", "ifmapheigh": "ifmapheight",
    "ifmapwidth": "ifmapwidth", "filterheight": "filterheight", "filterwidth": "filterwidth", "channels": "channels",
    "channel": "channels", "numfilter": "numfilter", "numfilters": "numfilter", "strides": "strides",
    "stride": "strides", "strideheight": "strideheight", "stridewidth": "stridewidth", "strideh": "strideheight",
    "stridew": "stridewidth", "m": "m", "n": "n", "k": "k",
}  # fmt: skip


def import_scalesim(path: str | Path, source: str = "") -> Network:
    """Return the layers of a topology CSV as a network of independent operators, shapes only, int8.

    Raises
    ------
    CodesignError
        One line for each faulty line of the file (at most ten), ``file:line: ...``.
    """
    path = Path(path)
    rows = _rows(path)
    header_line, header = rows[0]
    names = _dialect(path, header_line, header)
    network = Network(path.stem, [], {}, (), (), "shapes only", source=source or str(path))
    faults: list[str] = []
    seen: Counter[str] = Counter()
    for line, cells in rows[1:]:
        try:
            layer, values = _values(path, line, cells, names)
            seen[layer] += 1  # SCALE-Sim numbers its layers: names may repeat
            name = layer if seen[layer] == 1 else f"{layer}#{seen[layer]}"
            add_row(network, name, values, f"{path}:{line}")
        except CodesignError as fault:
            faults.append(str(fault))
    if faults:
        more = [f"{path}: {len(faults) - 10} more faults"] if len(faults) > 10 else []
        raise CodesignError("\n".join(faults[:10] + more))
    if not network.operators:
        raise CodesignError(f"{path}:{header_line}: no layers follow the header")
    return network


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return (line number, cells) of every line that is not blank."""
    if path.is_dir():
        raise CodesignError(f"{path}: is a directory, not a CSV file")
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise CodesignError(f"{path}: no such file") from None
    except OSError as fault:
        raise CodesignError(f"{path}: cannot be read ({fault.strerror})") from None
    if len(content) > _MAX_BYTES:
        raise CodesignError(f"{path}: more than {_MAX_BYTES} bytes; a topology is smaller")
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise CodesignError(f"{path}:{line}: a NUL byte; this is not a text file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content[: fault.start].count(b"\n") + 1
        raise CodesignError(f"{path}:{line}: byte 0x{content[fault.start]:02x} is not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    rows = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            while stripped and not stripped[-1]:
                stripped.pop()
            if stripped:
                rows.append((reader.line_num, stripped))
    except csv.Error as fault:
        raise CodesignError(f"{path}:{reader.line_num}: {fault}") from None
    if not rows:
        raise CodesignError(f"{path}:1: the file is empty")
    return rows


def _plain(name: str) -> str:
    key = re.sub(r"[^a-z]", "", name.lower())
    return _SPELLINGS.get(key, key)


def _dialect(path: Path, line: int, header: list[str]) -> tuple[str, ...]:
    found = [_plain(name) for name in header]
    for names in _DIALECTS:
        if found == ["layer", *(_plain(name) for name in names)]:
            return names
    if all(re.fullmatch(r"[-+]?\d+(\.\d*)?", cell) for cell in header[1:]) and len(header) > 1:
        raise CodesignError(f"{path}:{line}: the header is missing; the first line is {_headers()}")
    known = {_plain(name) for names in _DIALECTS for name in ("Layer", *names)}
    for column, (name, key) in enumerate(zip(header, found, strict=True), 1):
        if key not in known:
            columns = [column for names in _DIALECTS for column in ("Layer name", *names)]
            nearest = did_you_mean(name, columns)
            raise CodesignError(f"{path}:{line}: column {column}, '{name[:40]}', is not known{nearest}")
    raise CodesignError(f"{path}:{line}: these columns are no topology; the first line is {_headers()}")


def _headers() -> str:
    return f"'Layer name, {', '.join(_CONV)}' or 'Layer, {', '.join(_GEMM)}'"


def _values(path: Path, line: int, cells: list[str], names: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    if len(cells) != len(names) + 1:
        raise CodesignError(f"{path}:{line}: {len(cells)} columns; this topology has {len(names) + 1}")
    layer = cells[0]
    if not layer:
        raise CodesignError(f"{path}:{line}: the layer has no name")
    values = []
    for name, cell in zip(names, cells[1:], strict=True):
        if not re.fullmatch(r"[-+]?[0-9]{1,30}", cell) or not 1 <= int(cell) <= _MAX_VALUE:
            raise CodesignError(f"{path}:{line}: {name} = {cell[:40]!r}: use an integer from 1 to {_MAX_VALUE}")
        values.append(int(cell))
    return layer, tuple(values)


def add_row(network: Network, layer: str, values: tuple[int, ...], where: str = "row") -> None:
    """Append one topology row: (M, N, K), or height, width, kernel, channels, filters and one or two strides.

    Raises
    ------
    CodesignError
        When the filter is larger than the image or a tensor is absurdly large.
    """
    if len(values) == 3:
        m, n, k = values
        shapes: tuple[tuple[int, ...], ...] = ((m, k), (k, n), (m, n))
        operator = Operator(layer, "matmul", (f"{layer}.input", f"{layer}.weights"), (f"{layer}.output",))
    else:
        h, w, r, s, channels, filters, stride_h = values[:7]
        stride_w = values[7] if len(values) > 7 else stride_h
        out_h, out_w = -(-(h - r + stride_h) // stride_h), -(-(w - s + stride_w) // stride_w)
        if r > h or s > w:
            raise CodesignError(f"{where}: a filter of {r}x{s} does not fit its input of {h}x{w}")
        bottom, right = (out_h - 1) * stride_h + r - h, (out_w - 1) * stride_w + s - w
        attributes = {"pads": (0, 0, bottom, right), "strides": (stride_h, stride_w)}
        shapes = ((1, channels, h, w), (filters, channels, r, s), (1, filters, out_h, out_w))
        names = (f"{layer}.input", f"{layer}.weights")
        operator = Operator(layer, "conv", names, (f"{layer}.output",), attributes)
    for name, shape in zip((*operator.inputs, *operator.outputs), shapes, strict=True):
        tensor = Tensor(name, shape, Format("int8"), constant=name.endswith(".weights"))
        elements = 1
        for size in shape:
            elements *= size
        if elements > _MAX_ELEMENTS:
            raise CodesignError(f"{where}: {name} has {elements} elements, more than {_MAX_ELEMENTS}")
        network.tensors[name] = tensor
    network.operators.append(operator)
    network.inputs += operator.inputs[:1]
    network.outputs += operator.outputs
