"""Collect operators and tensors of a `Network` while the importer walks a TFLite graph.

TFLite stores images N, H, W, C; a network has them N, C, H, W. A tensor of the file has therefore up to two forms: in
the file's order, as every input and output of the model keeps it, and as an image. `transpose` operators stand between
the forms; they cost a machine nothing, as images lie in memory with their channels last.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from workloads.errors import CodesignError
from workloads.formats import Format
from workloads.importers.tflite_file import TfliteModel, TfliteOperator, TfliteTensor
from workloads.network import Operator, Tensor

_TO_IMAGE, _TO_FILE = (0, 3, 1, 2), (0, 2, 3, 1)
_FORMATS = {"INT8": "int8", "UINT8": "uint8", "INT32": "int32", "FLOAT32": "fp32"}


class Builder:
    """Operators and tensors so far; readers of single operators work through it.

    Parameters
    ----------
    model : TfliteModel
    """

    def __init__(self, model: TfliteModel) -> None:
        self.model = model
        self.operators: list[Operator] = []
        self.tensors: dict[str, Tensor] = {}
        self._forms: dict[tuple[int, bool], str] = {}
        self._outer = {*model.inputs, *model.outputs}
        self._names = _unique_names(model)
        self._taken: set[str] = set()
        #: What a PAD reads and its pads (top, left, bottom, right), by the tensor that it writes.
        self.padded: dict[int, tuple[TfliteTensor, tuple[int, ...]]] = {}

    def fail(self, operator: TfliteOperator, message: str) -> NoReturn:
        """Raise the error of one operator."""
        raise CodesignError(f"{self.model.path}: operator {operator.index} ({operator.kind}): {message}")

    def operand(self, operator: TfliteOperator, position: int, kinds: tuple[str, ...] = ("INT8",)) -> TfliteTensor:
        """Return input `position` of an operator, which must be there and of one of some element types."""
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        if index < 0:
            self.fail(operator, f"input {position} is missing")
        return self._checked(operator, self.model.tensors[index], kinds)

    def result(self, operator: TfliteOperator, kinds: tuple[str, ...] = ("INT8",)) -> TfliteTensor:
        """Return the only output of an operator."""
        if len(operator.outputs) != 1:
            self.fail(operator, f"{len(operator.outputs)} outputs; it has one")
        return self._checked(operator, self.model.tensors[operator.outputs[0]], kinds)

    def _checked(self, operator: TfliteOperator, tensor: TfliteTensor, kinds: tuple[str, ...]) -> TfliteTensor:
        name = tensor.name[:80]
        if tensor.type not in kinds:
            hint = "; the model is not quantized to int8" if tensor.type.startswith("FLOAT") else ""
            self.fail(operator, f"tensor '{name}' is {tensor.type}; use {' or '.join(kinds)}{hint}")
        if tensor.type in ("INT8", "UINT8") and not tensor.scale.size:
            self.fail(operator, f"tensor '{name}' is {tensor.type} without quantization; it needs a scale")
        return tensor

    def constant(self, operator: TfliteOperator, position: int, kinds: tuple[str, ...] = ("INT8",)) -> np.ndarray:
        """Return the values of input `position`, which must be a constant."""
        tensor = self.operand(operator, position, kinds)
        if tensor.data is None:
            self.fail(operator, f"input {position} ('{tensor.name[:80]}') is no constant")
        return tensor.data

    def read(self, tensor: TfliteTensor, image: bool = False) -> str:
        """Return the name of a tensor in the form wanted, made by a transpose where there is only the other one."""
        key = tensor.index, image and len(tensor.shape) == 4
        if key in self._forms:
            return self._forms[key]
        if tensor.data is not None:
            return self.add_constant(key, tensor)
        other = self._forms.get((tensor.index, not key[1]))
        if other is None:  # an input of the model
            return self.write(tensor, key[1])
        name = self.write(tensor, key[1])
        order = _TO_IMAGE if key[1] else _TO_FILE
        made = f"{'to_nchw' if key[1] else 'to_nhwc'}_{tensor.index}"
        self.operators.append(Operator(made, "transpose", (other,), (name,), {"permutation": order}))
        return name

    def write(self, tensor: TfliteTensor, image: bool = False) -> str:
        """Return the name under which an operator writes a tensor in a form, and make the network's tensor."""
        image = image and len(tensor.shape) == 4
        plain = not image if tensor.index in self._outer else (tensor.index, not image) not in self._forms
        name = self._names[tensor.index] + ("" if plain else "/nchw" if image else "/nhwc")
        shape = as_image_shape(tensor.shape) if image else tensor.shape
        return self.new(name, shape, self.format(tensor), (tensor.index, image))

    def new(self, name: str, shape: tuple[int, ...], kind: Format, form: tuple[int, bool] | None = None) -> str:
        """Add an activation; return its name."""
        while name in self.tensors:
            name += "'"
        self.tensors[name] = Tensor(name, shape, kind)
        if form is not None:
            self._forms[form] = name
        return name

    def is_image(self, tensor: TfliteTensor) -> bool:
        """Whether a tensor has been made as an image (N, C, H, W)."""
        return (tensor.index, True) in self._forms

    def add_constant(self, key: tuple[int, bool], tensor: TfliteTensor, data: np.ndarray | None = None) -> str:
        """Add a constant, in its own order or with other `data` in place of its values; return its name."""
        values = tensor.data if data is None else data
        assert values is not None
        if data is None and key[1]:
            values = values.transpose(_TO_IMAGE)
        name = self._names[tensor.index]
        while name in self.tensors:
            name += "'"
        axis = 0 if tensor.scale.size > 1 else None
        values = np.ascontiguousarray(values)
        self.tensors[name] = Tensor(name, values.shape, self.format(tensor, axis), values, constant=True)
        if data is None:
            self._forms[key] = name
        return name

    def format(self, tensor: TfliteTensor, axis: int | None = None) -> Format:
        """Return the format of a tensor; a scale per channel lies along `axis`."""
        if tensor.type not in _FORMATS:
            name = tensor.name[:80]
            raise CodesignError(f"{self.model.path}: tensor '{name}' is {tensor.type}; use {', '.join(_FORMATS)}")
        name = _FORMATS[tensor.type]
        if not tensor.scale.size or tensor.type == "FLOAT32":
            return Format(name)
        if tensor.scale.size == 1:
            return Format(name, tensor.scale.reshape(()), tensor.zero_point.reshape(()))
        return Format(name, tensor.scale, tensor.zero_point, axis)

    def emit(
        self, operator: TfliteOperator, kind: str, inputs: tuple[str, ...], output: str, **attributes: Any
    ) -> None:
        """Append an operator, named after the file's operator and, where this makes several of it, the kind."""
        base = f"{operator.kind.lower()}_{operator.index}"
        name = f"{base}/{kind}" if base in self._taken else base
        self._taken.add(base)
        self.operators.append(Operator(name, kind, inputs, (output,), attributes))


def as_image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape N, H, W, C as N, C, H, W; one of another rank as it is."""
    return tuple(shape[axis] for axis in _TO_IMAGE) if len(shape) == 4 else shape


def _unique_names(model: TfliteModel) -> list[str]:
    names: list[str] = []
    seen: set[str] = set()
    for tensor in model.tensors:
        name = tensor.name if tensor.name not in seen else f"{tensor.name}#{tensor.index}"
        while name in seen:
            name += "'"
        seen.add(name)
        names.append(name)
    return names
