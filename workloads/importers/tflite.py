"""Import a TFLite int8 model: graph, weights, scales per tensor and per channel, in the integer rules of TFLite."""

from __future__ import annotations

from pathlib import Path

from workloads.errors import CodesignError, did_you_mean
from workloads.importers.tflite_builder import Builder
from workloads.importers.tflite_file import DAMAGE, TfliteModel, TfliteOperator, read_tflite
from workloads.importers.tflite_operators import READERS
from workloads.network import Network
from workloads.requantize import TFLITE


def import_tflite(path: str | Path, source: str = "") -> Network:
    """Return the network in a TFLite file quantized to int8.

    Inputs and outputs keep the file's names and order of axes (images N, H, W, C); tensors between them are images
    N, C, H, W where an operator needs an image. The network's rounding is ``tflite``: the integers of TFLite's
    reference kernels (`workloads.integer.tflite`).

    Parameters
    ----------
    path : str or Path
    source : str
        What the report calls it; the path by default.

    Raises
    ------
    CodesignError
        When the file is damaged, not of int8, or has an operator that is not supported: one line with file, operator
        and reason.
    """
    path = Path(path)
    model = read_tflite(path)
    build = Builder(model)
    for index in model.inputs:
        build.write(model.tensors[index])
    for operator in model.operators:
        if operator.kind not in READERS:
            nearest = did_you_mean(operator.kind, READERS)
            raise CodesignError(f"{path}: operator {operator.index}: '{operator.kind}' is not supported{nearest}")
        _read_operator(build, operator)
    outputs = tuple(build.read(model.tensors[index]) for index in model.outputs)
    return _network(build, model, outputs, source or str(path))


def _read_operator(build: Builder, operator: TfliteOperator) -> None:
    try:
        READERS[operator.kind](build, operator)
    except DAMAGE as fault:
        build.fail(operator, f"its inputs or options are not those of the operator ({type(fault).__name__})")


def _network(build: Builder, model: TfliteModel, outputs: tuple[str, ...], source: str) -> Network:
    live, operators = set(outputs), []
    for operator in reversed(build.operators):
        if live.intersection(operator.outputs):
            operators.append(operator)
            live.update(operator.inputs)
    operators.reverse()
    if not operators:
        raise CodesignError(f"{model.path}: the outputs are inputs; there is nothing to run")
    inputs = tuple(build.read(model.tensors[index]) for index in model.inputs)
    used = dict.fromkeys([*inputs, *(name for one in operators for name in (*one.inputs, *one.outputs))])
    tensors = {name: build.tensors[name] for name in used}
    return Network(model.path.stem, operators, tensors, inputs, outputs, weights="real", rounding=TFLITE, source=source)
