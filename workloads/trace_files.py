"""Save and load a trace: one .npz, its layers as JSON, its arrays as plain .npy members; never pickle.

The file is byte-equal for equal traces. `VERSION` counts changes of the layout; another one is refused.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from workloads.activity import Activity
from workloads.errors import CodesignError
from workloads.trace import Layer, Quantization, Trace, Window
from workloads.trace_checks import check_layer

VERSION = 3
_HEADER = "trace.json"
_MAX_HEADER_BYTES = 1 << 28
_FORMAT = "codesign trace"


def save_trace(path: str | Path, trace: Trace) -> None:
    """Write `trace` to `path`; a file that is there is replaced whole or not at all."""
    path = Path(path)
    keys = sorted(trace.arrays)
    content: dict[str, Any] = {"format": _FORMAT, "version": VERSION, "arrays": keys}
    plain = [entry.name for entry in fields(Trace) if entry.name not in ("arrays", "layers")]
    content |= {name: getattr(trace, name) for name in plain}
    content["layers"] = [asdict(layer) for layer in trace.layers]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(_HEADER), json.dumps(content, indent=0), zipfile.ZIP_DEFLATED)
            for index, key in enumerate(keys):
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.ascontiguousarray(trace.arrays[key]), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(_member(index)), buffer.getvalue(), zipfile.ZIP_DEFLATED)
        temporary.replace(path)
    except (OSError, ValueError) as fault:
        temporary.unlink(missing_ok=True)
        raise CodesignError(f"{path}: the trace cannot be written ({fault})") from None


def load_trace(path: str | Path) -> Trace:
    """Read a trace that `save_trace` wrote.

    Raises
    ------
    CodesignError
        When the file is none, is damaged, or was written by another version.
    """
    path = Path(path)
    if path.is_dir():
        raise CodesignError(f"{path}: is a directory, not a trace")
    try:
        with zipfile.ZipFile(path) as archive:
            content = _header(archive, path)
            arrays = {key: _array(archive, i, path) for i, key in enumerate(content.pop("arrays"))}
    except FileNotFoundError:
        raise CodesignError(f"{path}: no such file") from None
    except OSError as fault:
        raise CodesignError(f"{path}: cannot be read ({fault.strerror or fault})") from None
    except CodesignError:
        raise
    except Exception as fault:  # a damaged archive raises any of a dozen types
        raise CodesignError(f"{path}: not a trace, or truncated ({type(fault).__name__})") from None
    return _trace(content, arrays, path)


def _member(index: int) -> str:
    return f"array_{index}.npy"


def _header(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    if _HEADER not in archive.namelist():
        raise CodesignError(f"{path}: not a trace (it has no {_HEADER})")
    if archive.getinfo(_HEADER).file_size > _MAX_HEADER_BYTES:
        raise CodesignError(f"{path}: {_HEADER} is larger than {_MAX_HEADER_BYTES} bytes")
    content = json.loads(archive.read(_HEADER))
    if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
        raise CodesignError(f"{path}: not a trace ({_HEADER} describes something else)")
    version = content.pop("version", None)
    if not isinstance(version, int) or version < 1:
        raise CodesignError(f"{path}: version {version!r} of a trace is not known; use {VERSION}")
    if version > VERSION:
        raise CodesignError(f"{path}: written by a newer version of codesign (trace version {version}, here {VERSION})")
    if version < VERSION:
        raise CodesignError(
            f"{path}: written by an older version of codesign (trace version {version}, here {VERSION}); make it again"
        )
    if not isinstance(content.get("arrays"), list):
        raise CodesignError(f"{path}: field 'arrays' is missing or mistyped")
    return content


def _array(archive: zipfile.ZipFile, index: int, path: Path) -> np.ndarray:
    """Return one array, its size checked against the member's before anything is allocated."""
    name = _member(index)
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        expected = stream.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject or expected != archive.getinfo(name).file_size:
        raise CodesignError(f"{path}: {name} is damaged")
    with archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _trace(content: dict[str, Any], arrays: dict[str, np.ndarray], path: Path) -> Trace:
    layers = content.pop("layers", None)
    shapes = content.pop("shapes", None)
    if not isinstance(layers, list) or not isinstance(shapes, dict):
        raise CodesignError(f"{path}: field 'layers' or 'shapes' is missing or mistyped")
    for name, shape in shapes.items():
        if not isinstance(shape, list) or not all(type(extent) is int for extent in shape):
            raise CodesignError(f"{path}: shape of '{name}' = {str(shape)[:60]!r} is mistyped")
    trace = _build(Trace, content, f"{path}", layers=[], arrays=arrays, shapes={k: tuple(v) for k, v in shapes.items()})
    for index, entry in enumerate(layers):
        where = f"{path}: layer {index}"
        if not isinstance(entry, dict):
            raise CodesignError(f"{where}: is no layer")
        window = _build(Window, entry.pop("window", None), f"{where}: window")
        numbers = entry.pop("quantization", None)
        quantization = None if numbers is None else _build(Quantization, numbers, f"{where}: quantization")
        activity = _build(Activity, entry.pop("activity", None), f"{where}: activity")
        layer = _build(Layer, entry, where, window=window, quantization=quantization, activity=activity)
        check_layer(layer, trace, where)
        trace.layers.append(layer)
    return trace


def _build(kind: type, content: Any, where: str, **given: Any) -> Any:
    """Make one dataclass of parsed JSON: exactly its fields, each of its type."""
    if not isinstance(content, dict):
        raise CodesignError(f"{where}: is missing or mistyped")
    names = [entry.name for entry in fields(kind) if entry.name not in given]
    for name in content:
        if name not in names:
            raise CodesignError(f"{where}: field '{name}' is not known")
    for entry in fields(kind):
        if entry.name in given:
            continue
        if entry.name not in content:
            raise CodesignError(f"{where}: field '{entry.name}' is missing")
        value = content[entry.name]
        declared = str(entry.type)
        if declared.startswith("tuple"):
            item = int if "int" in declared else str
            if not isinstance(value, list) or not all(type(each) is item for each in value):
                raise CodesignError(f"{where}: field '{entry.name}' = {str(value)[:60]!r} is mistyped")
            given[entry.name] = tuple(value)
        elif type(value).__name__ != declared:
            raise CodesignError(f"{where}: field '{entry.name}' = {str(value)[:60]!r} is mistyped")
        else:
            given[entry.name] = value
    return kind(**given)
