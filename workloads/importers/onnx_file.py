"""Read an ONNX file: bytes to a checked `ModelProto`, external data only from inside the model's folder."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from workloads.errors import CodesignError

_MAX_FILE_BYTES = 2**31 - 1  # a protobuf message cannot be larger
_ITEM_BITS = {
    "FLOAT": 32, "FLOAT16": 16, "BFLOAT16": 16, "DOUBLE": 64, "FLOAT8E4M3FN": 8, "FLOAT8E5M2": 8, "INT2": 2, "UINT2": 2,
    "INT4": 4, "UINT4": 4, "INT8": 8, "UINT8": 8, "INT16": 16, "UINT16": 16, "INT32": 32, "UINT32": 32, "INT64": 64,
    "UINT64": 64, "BOOL": 8,
}  # fmt: skip


def type_name(code: int) -> str:
    """Return the name of an ONNX element type (`FLOAT` ...), or its number."""
    return next((name for name, number in onnx.TensorProto.DataType.items() if number == code), str(code))


def read_model(path: Path) -> onnx.ModelProto:
    """Return the model in `path`, its external data read in.

    Raises
    ------
    CodesignError
        When it is no readable ONNX model, or its data lies outside its folder or does not fit its shapes.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(_bytes(path))
    except DecodeError:
        raise CodesignError(f"{path}: not an ONNX model (truncated, or another kind of file)") from None
    if not model.ir_version or not model.HasField("graph"):
        raise CodesignError(f"{path}: not an ONNX model (it has no graph)")
    _check_opsets(model, path)
    for tensor in model.graph.initializer:
        _check_tensor(tensor, path)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                _check_tensor(attribute.t, path)
    return model


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise CodesignError(f"{path}: is a directory, not an ONNX file")
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            raise CodesignError(f"{path}: {size} bytes; an ONNX file has at most {_MAX_FILE_BYTES} (use external data)")
        content = path.read_bytes()
    except FileNotFoundError:
        raise CodesignError(f"{path}: no such file") from None
    except OSError as fault:
        raise CodesignError(f"{path}: cannot be read ({fault.strerror})") from None
    if not content:
        raise CodesignError(f"{path}: the file is empty")
    return content


def _check_opsets(model: onnx.ModelProto, path: Path) -> None:
    newest = onnx.defs.onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and not 1 <= opset.version <= newest:
            raise CodesignError(f"{path}: operator set {opset.version} is not known; use 1 to {newest}")
    if not any(opset.domain in ("", "ai.onnx") for opset in model.opset_import):
        raise CodesignError(f"{path}: the model declares no ONNX operator set")


def _check_tensor(tensor: onnx.TensorProto, path: Path) -> None:
    where = f"{path}: tensor '{tensor.name}'"
    kind = type_name(tensor.data_type)
    if kind not in _ITEM_BITS:
        raise CodesignError(f"{where}: element type {kind} is not supported")
    if any(size < 0 for size in tensor.dims):
        raise CodesignError(f"{where}: shape {list(tensor.dims)} has a negative dimension")
    expected = -(-math.prod(tensor.dims) * _ITEM_BITS[kind] // 8)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        _load_external(tensor, path, where, expected)
    shape = "x".join(map(str, tensor.dims)) or "scalar"
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != expected:
            raise CodesignError(
                f"{where}: {len(tensor.raw_data)} bytes of data, but {shape} of {kind} has {expected}"
            )
    elif not _typed_length_fits(tensor, kind):
        raise CodesignError(f"{where}: its values do not fill its shape ({shape} of {kind})")


def _typed_length_fits(tensor: onnx.TensorProto, kind: str) -> bool:
    elements = math.prod(tensor.dims)
    found = max(
        len(tensor.float_data), len(tensor.int32_data), len(tensor.int64_data), len(tensor.double_data),
        len(tensor.uint64_data),
    )  # fmt: skip
    packed = 8 // _ITEM_BITS[kind] if _ITEM_BITS[kind] < 8 else 1
    return found == -(-elements // packed)


def _load_external(tensor: onnx.TensorProto, path: Path, where: str, expected: int) -> None:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    folder = path.resolve().parent
    if not location or Path(location).is_absolute() or "\0" in location or "\\" in location:
        raise CodesignError(f"{where}: external data {location!r} is not a path relative to the model's folder")
    target = (folder / location).resolve()
    if not target.is_relative_to(folder):
        raise CodesignError(f"{where}: external data {location!r} lies outside the model's folder")
    if not target.is_file():
        raise CodesignError(f"{where}: external data {location!r} is not a file in the model's folder")
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", expected))
    except ValueError:
        raise CodesignError(f"{where}: external data {location!r} has an offset or length that is no integer") from None
    if offset < 0 or length != expected or offset + length > target.stat().st_size:
        raise CodesignError(
            f"{where}: external data {location!r} has no {expected} bytes at offset {offset} (length {length})"
        )
    with target.open("rb") as stream:
        stream.seek(offset)
        tensor.raw_data = stream.read(length)
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]
