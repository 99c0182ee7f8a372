"""Read a TFLite file: flatbuffer to plain tables, every index and size checked before it is used.

The schema is TensorFlow Lite's `schema_v3`, read by the package `tflite`. A flatbuffer carries its own offsets, and the
package follows them unchecked: what a damaged file makes it raise becomes one `CodesignError` here.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import CodesignError

_IDENTIFIER = b"TFL3"
_MAX_FILE_BYTES = 2**31 - 1  # a flatbuffer's offsets have 31 bits
_MAX_ELEMENTS = 2**31
_MAX_RANK = 8
#: Element types that the importer knows by their width; others are refused where a tensor of theirs is used.
_STORAGE = {
    "INT8": np.int8, "UINT8": np.uint8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FLOAT32": np.float32,
    "BOOL": np.uint8,
}  # fmt: skip
#: What the package raises when an offset of a damaged file leads astray.
DAMAGE = (
    struct.error, ValueError, IndexError, TypeError, KeyError, AttributeError, OverflowError, MemoryError,
    RecursionError, ZeroDivisionError,
)  # fmt: skip


@dataclass(frozen=True)
class TfliteTensor:
    """One tensor of the file, in the file's own order of axes (images N, H, W, C).

    Attributes
    ----------
    type : str
        TFLite's name of the element type (`INT8`, `FLOAT32` ...).
    data : numpy.ndarray or None
        Values of a constant.
    scale, zero_point : numpy.ndarray
        float32 and int64, one value or one a channel of `axis`; empty without quantization.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    data: np.ndarray | None
    scale: np.ndarray
    zero_point: np.ndarray
    axis: int


@dataclass(frozen=True)
class TfliteOperator:
    """One operator: TFLite's name of its kind, tensor indices (-1: left out), options as the package gives them."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True)
class TfliteModel:
    """The one subgraph of a file."""

    path: Path
    tensors: list[TfliteTensor]
    operators: list[TfliteOperator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(path: Path) -> TfliteModel:
    """Return the tables of a TFLite file.

    Raises
    ------
    CodesignError
        When it is no TFLite file, is truncated, has several subgraphs, or an index or size in it is wrong.
    """
    package = _package(path)
    content = _bytes(path)
    try:
        return _model(package, content, path)
    except CodesignError:
        raise
    except DAMAGE as fault:
        raise CodesignError(f"{path}: not a TFLite model, or truncated ({type(fault).__name__})") from None


def _package(path: Path) -> Any:
    try:
        import tflite
    except ImportError:
        raise CodesignError(f"{path}: TFLite files need the package tflite (pip install codesign[tflite])") from None
    return tflite


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise CodesignError(f"{path}: is a directory, not a TFLite file")
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            raise CodesignError(f"{path}: {size} bytes; a TFLite file has at most {_MAX_FILE_BYTES}")
        content = path.read_bytes()
    except FileNotFoundError:
        raise CodesignError(f"{path}: no such file") from None
    except OSError as fault:
        raise CodesignError(f"{path}: cannot be read ({fault.strerror})") from None
    if not content:
        raise CodesignError(f"{path}: the file is empty")
    if content[4:8] != _IDENTIFIER:
        raise CodesignError(f"{path}: not a TFLite model (bytes 4 to 7 are {content[4:8]!r}, not {_IDENTIFIER!r})")
    return content


def _model(package: Any, content: bytes, path: Path) -> TfliteModel:
    root = package.Model.GetRootAs(content, 0)
    if root.Version() != 3:
        raise CodesignError(f"{path}: version {root.Version()} of the format; only version 3 is known")
    if root.SubgraphsLength() != 1:
        raise CodesignError(f"{path}: {root.SubgraphsLength()} subgraphs; only models of one are read")
    limit = len(content) // 4  # no table is smaller than its offset
    graph = root.Subgraphs(0)
    counts = {"buffers": root.BuffersLength(), "operator codes": root.OperatorCodesLength(),
              "tensors": graph.TensorsLength(), "operators": graph.OperatorsLength()}  # fmt: skip
    for name, count in counts.items():
        if count > limit:
            raise CodesignError(f"{path}: {count} {name} do not fit a file of {len(content)} bytes")
    types = _names(package.TensorType)
    tensors = [_tensor(root, graph.Tensors(i), i, types, path) for i in range(counts["tensors"])]
    kinds = _kinds(package, root, counts["operator codes"])
    operators = [_operator(package, graph.Operators(i), i, kinds, path) for i in range(counts["operators"])]
    inputs, outputs = (_indices(graph, name, limit) for name in ("Inputs", "Outputs"))
    model = TfliteModel(path, tensors, operators, inputs, outputs)
    _check_graph(model)
    return model


def _names(enumeration: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if type(number) is int}


def _kinds(package: Any, root: Any, count: int) -> list[str]:
    """Return the kind of each operator code; a code's older field holds it too while it is below 127."""
    known, kinds = _names(package.BuiltinOperator), []
    for i in range(count):
        code = root.OperatorCodes(i)
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = code.CustomCode()
        kinds.append(f"CUSTOM {_text(custom)}" if custom else known.get(number, f"number {number}"))
    return kinds


def _text(name: bytes | None) -> str:
    text = (name or b"").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text[:500])


def _vector(table: Any, name: str, dtype: type, limit: int) -> np.ndarray:
    """Return a vector of numbers, empty when the file leaves it out."""
    if getattr(table, f"{name}Length")() > limit:
        raise IndexError
    if getattr(table, f"{name}IsNone")():
        return np.zeros(0, dtype)
    return np.array(getattr(table, f"{name}AsNumpy")(), dtype)


def _indices(table: Any, name: str, limit: int) -> tuple[int, ...]:
    return tuple(int(index) for index in _vector(table, name, np.int64, limit))


def _tensor(root: Any, table: Any, index: int, types: dict[int, str], path: Path) -> TfliteTensor:
    name = _text(table.Name()) or f"tensor {index}"
    where = f"{path}: tensor {index} '{name[:80]}'"
    shape = tuple(int(size) for size in _vector(table, "Shape", np.int64, _MAX_RANK))
    if any(size < 1 for size in shape) or math.prod(shape) > _MAX_ELEMENTS:
        raise CodesignError(f"{where}: shape {list(shape)}; use sizes from 1, at most {_MAX_ELEMENTS} elements")
    signature = _vector(table, "ShapeSignature", np.int64, _MAX_RANK)
    if signature.size and any(int(size) < 0 for size in signature[1:]):
        raise CodesignError(f"{where}: shape {signature.tolist()} is not known before the model runs")
    kind = types.get(table.Type(), f"number {table.Type()}")
    if table.IsVariable():
        raise CodesignError(f"{where}: keeps its values between runs (a variable); such models are not read")
    if table.Sparsity() is not None:
        raise CodesignError(f"{where}: is stored sparsely; densify it")
    scale, zero_point, axis = _quantization(table.Quantization(), shape, where)
    return TfliteTensor(index, name, shape, kind, _data(root, table, shape, kind, where), scale, zero_point, axis)


def _quantization(table: Any, shape: tuple[int, ...], where: str) -> tuple[np.ndarray, np.ndarray, int]:
    none = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    if table is None:
        return none
    limit = max((1, *shape))
    scale, zero_point = _vector(table, "Scale", np.float32, limit), _vector(table, "ZeroPoint", np.int64, limit)
    if not scale.size:
        return none
    axis = int(table.QuantizedDimension())
    good = np.isfinite(scale) & (scale >= 1e-30) & (scale <= 1e30)
    if not good.all():
        raise CodesignError(f"{where}: scale {scale[~good][0]:g}; use scales from 1e-30 to 1e30")
    if zero_point.size not in (0, scale.size):
        raise CodesignError(f"{where}: {scale.size} scales and {zero_point.size} zero points; use as many of both")
    if scale.size > 1 and (not 0 <= axis < len(shape) or shape[axis] != scale.size):
        raise CodesignError(f"{where}: {scale.size} scales along axis {axis} do not fit shape {list(shape)}")
    if not zero_point.size:
        zero_point = np.zeros(scale.size, np.int64)
    if np.abs(zero_point).max() > 2**31:
        raise CodesignError(f"{where}: zero point {int(zero_point[0])} is outside 32 bits")
    return scale, zero_point, axis


def _data(root: Any, table: Any, shape: tuple[int, ...], kind: str, where: str) -> np.ndarray | None:
    number = table.Buffer()
    if not 0 <= number < root.BuffersLength():
        raise CodesignError(f"{where}: buffer {number}; the file has {root.BuffersLength()}")
    buffer = root.Buffers(number)
    if getattr(buffer, "Size", int)() > 1:
        raise CodesignError(f"{where}: its values lie outside the flatbuffer (a model of 2 GiB or more); not read")
    length = buffer.DataLength()
    if number == 0 or length == 0:
        return None
    if kind not in _STORAGE:
        raise CodesignError(f"{where}: constants of type {kind} are not read; use {', '.join(_STORAGE)}")
    dtype = np.dtype(_STORAGE[kind])
    wanted = math.prod(shape) * dtype.itemsize
    if length != wanted:
        raise CodesignError(f"{where}: its buffer has {length} bytes; {kind} {list(shape)} takes {wanted}")
    return np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def _operator(package: Any, table: Any, index: int, kinds: list[str], path: Path) -> TfliteOperator:
    code = table.OpcodeIndex()
    if not 0 <= code < len(kinds):
        raise CodesignError(f"{path}: operator {index}: operator code {code}; the file has {len(kinds)}")
    inputs, outputs = (_indices(table, name, 1 << 16) for name in ("Inputs", "Outputs"))
    return TfliteOperator(index, kinds[code], inputs, outputs, _options(package, table))


def _options(package: Any, table: Any) -> Any:
    """Return the operator's options as the package's class of their type, None when there are none."""
    kind, union = _names(package.BuiltinOptions).get(table.BuiltinOptionsType(), "NONE"), table.BuiltinOptions()
    if kind == "NONE" or union is None:
        return None
    options = getattr(package, kind)()
    options.Init(union.Bytes, union.Pos)
    return options


def _check_graph(model: TfliteModel) -> None:
    """Refuse indices out of range, tensors written twice, and tensors read before they are written (a cycle too)."""
    path, count = model.path, len(model.tensors)
    if not model.inputs or not model.outputs or not model.operators:
        raise CodesignError(f"{path}: the graph has no {_lacking(model)}")
    for role, indices in (("input", model.inputs), ("output", model.outputs)):
        for index in indices:
            if not 0 <= index < count:
                raise CodesignError(f"{path}: {role} {index} of the graph; it has {count} tensors")
    ready = {tensor.index for tensor in model.tensors if tensor.data is not None}
    if ready.intersection(model.inputs) or len(set(model.inputs)) < len(model.inputs):
        raise CodesignError(f"{path}: an input of the graph is a constant, or named twice")
    ready.update(model.inputs)
    for operator in model.operators:
        where = f"{path}: operator {operator.index} ({operator.kind})"
        for index in (*operator.inputs, *operator.outputs):
            if not -1 <= index < count:
                raise CodesignError(f"{where}: tensor {index}; the graph has {count}")
        for index in operator.inputs:
            if index >= 0 and index not in ready:
                name = model.tensors[index].name[:80]
                raise CodesignError(f"{where}: reads tensor {index} '{name}' before any operator has written it")
        for index in operator.outputs:
            if index < 0 or index in ready:
                raise CodesignError(f"{where}: writes tensor {index}, which has its values already")
            ready.add(index)
    for index in model.outputs:
        if index not in ready:
            raise CodesignError(f"{path}: output {index} of the graph is written by no operator")


def _lacking(model: TfliteModel) -> str:
    return "inputs" if not model.inputs else "outputs" if not model.outputs else "operators"
