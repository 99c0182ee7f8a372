"""Run a quantized network in plain numpy integers: the golden result that simulators and gates are held to.

In the rounding ``float_half_even`` the stored integers equal onnxruntime's quantized kernels bit for bit
(x86-64 with AVX2; QLinear operators, and QDQ graphs once its optimiser has made QLinear operators of them;
without the optimiser a QDQ graph computes in float32, whose sums round; onnxruntime fuses int8 pairs on x86 only
with ``session.qdqisint8allowed``). The dyadic modes differ from it by one step where a product lies on a tie or
within a float32 rounding of one: rare, but for an average pool that keeps its scale, where every odd half ties.
Operators without an integer form run
in float32 between a dequantize and a quantize, as on a host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from workloads.errors import CodesignError, did_you_mean, unknown_name
from workloads.formats import Format
from workloads.integer import matrix, movement, tflite_operators, vector
from workloads.integer.call import Call, is_quantized, to_stored, with_rows
from workloads.integer.host import FUNCTIONS
from workloads.network import Network, Operator, Tensor
from workloads.operators import attributes_of
from workloads.requantize import TFLITE, check_rounding

#: Run on stored values whatever the formats are.
ALWAYS: dict[str, Callable] = {
    "conv": matrix.convolution,
    "gemm": matrix.gemm,
    "matmul": matrix.matrix_product,
    "reshape": movement.reshape,
    "identity": lambda call: call.value(0),
    "transpose": movement.transpose,
    "concat": movement.join,
    "split": movement.split,
    "pad": movement.pad,
    "depth_to_space": movement.depth_to_space,
    "quantize": vector.change_format,
    "dequantize": vector.change_format,
    "requantize": vector.change_format,
}
#: Integer form when every input and the output are quantized; else `FUNCTIONS` in float32.
QUANTIZED: dict[str, Callable] = {
    "max_pool": vector.max_pool,
    "global_max_pool": vector.global_max_pool,
    "average_pool": vector.average_pool,
    "global_average_pool": vector.global_average_pool,
    "add": vector.sum_of_two,
    "sub": vector.difference_of_two,
    "mul": vector.product_of_two,
    "relu": vector.rectify,
    "clip": vector.rectify,
}


#: Operators on images, whose images may have one row without an axis for it.
SPATIAL = ("conv", "max_pool", "global_max_pool", "average_pool", "global_average_pool")


def supported_operators() -> list[str]:
    """Return every operator kind that the reference runs."""
    return sorted({*ALWAYS, *QUANTIZED, *FUNCTIONS})


def run_reference(
    network: Network, inputs: Mapping[str, np.ndarray], rounding: str | None = None
) -> dict[str, np.ndarray]:
    """Return every tensor that the network computes, by name, inputs included.

    Parameters
    ----------
    inputs : mapping of str to numpy.ndarray
        Stored integers, or real values of a quantized input, which are quantized first. The batch may differ
        from the network's.
    rounding : str, optional
        One of `workloads.requantize.ROUNDINGS`, or ``tflite`` (a network of int8); default: the network's own.

    Returns
    -------
    dict of str to numpy.ndarray
        Integer tensors in the smallest numpy type that holds their format, float ones as float32.
    """
    rounding = check_rounding(network.rounding if rounding is None else rounding)
    values = {name: tensor.data for name, tensor in network.tensors.items() if tensor.data is not None}
    computed: dict[str, np.ndarray] = {}
    for name in network.inputs:
        computed[name] = _input(network.tensors[name], inputs)
    for name in inputs:
        if name not in network.inputs:
            raise unknown_name(f"network '{network.name}'", "network input", name, network.inputs)
    for operator in network.operators:
        call = _call(network, operator, values | computed, rounding)
        results = _run(call)
        for output, result in zip(call.outputs, results, strict=False):
            computed[output.name] = _stored(result, output.format)
    return computed


def _input(tensor: Tensor, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    if tensor.name not in inputs:
        raise CodesignError(f"input '{tensor.name}' has no values{did_you_mean(tensor.name, inputs)}")
    values = np.asarray(inputs[tensor.name])
    if values.shape[1:] != tensor.shape[1:] or values.ndim != len(tensor.shape):
        raise CodesignError(f"input '{tensor.name}' has shape {values.shape}; the network takes {tensor.shape}")
    if tensor.format.is_integer and np.issubdtype(values.dtype, np.floating):
        if not is_quantized(tensor.format):
            raise CodesignError(f"input '{tensor.name}' takes integers ({tensor.format.name}), not {values.dtype}")
        values = to_stored(values.astype(np.float32), tensor.format)
    if tensor.format.is_integer and values.size:
        low, high = tensor.format.low, tensor.format.high
        if int(values.min()) < low or int(values.max()) > high:
            raise CodesignError(f"input '{tensor.name}' has values outside {low}..{high} ({tensor.format.name})")
    return _stored(values, tensor.format)


def _call(network: Network, operator: Operator, values: Mapping[str, np.ndarray], rounding: str) -> Call:
    names = operator.inputs
    return Call(
        operator,
        attributes_of(operator),
        tuple(network.tensors[name] if name else None for name in names),
        tuple(values.get(name) if name else None for name in names),
        tuple(network.tensors[name] for name in operator.outputs),
        rounding,
    )


def _run(call: Call) -> tuple[np.ndarray, ...]:
    if call.operator.kind in SPATIAL and call.values[0] is not None and call.values[0].ndim == 3:
        return tuple(result[:, :, 0] for result in _run(with_rows(call)))
    kind = call.operator.kind
    formats = [tensor.format for tensor in call.tensors if tensor is not None] + [call.output.format]
    if call.rounding == TFLITE and kind in tflite_operators.OPERATORS:
        result = tflite_operators.OPERATORS[kind](call)
    elif kind in ALWAYS:
        result = ALWAYS[kind](call)
    elif kind in QUANTIZED and (all(is_quantized(one) for one in formats) or _is_stored_maximum(call)):
        result = QUANTIZED[kind](call)
    elif kind in FUNCTIONS:
        real = (call.real(index) for index in range(len(call.tensors)))
        result = to_stored(FUNCTIONS[kind](call.attributes, *real), call.output.format)
    else:
        raise call.fault(f"the integer reference does not run it{did_you_mean(kind, supported_operators())}")
    return result if isinstance(result, tuple) else (result,)


def _is_stored_maximum(call: Call) -> bool:
    """Whether a maximum is taken of integers as they are stored, no scale being given for it."""
    output = call.output.format
    return call.operator.kind.endswith("max_pool") and output.is_integer and output.scale is None


def _stored(values: np.ndarray, number_format: Format) -> np.ndarray:
    """Return values in the numpy type of a format."""
    if not number_format.is_integer:
        return np.asarray(values, np.float32)
    width = next(width for width in (8, 16, 32, 64) if width >= number_format.bits)
    return np.asarray(values).astype(f"{'' if number_format.is_signed else 'u'}int{width}")
