"""Changes of format without a scale, as a key-value cache has them: packed and unpacked by the vector unit.

Memory is read and written in elements of the machine's activations, so a cache element of another width is a part
or several of them: int4 beside int8 activations is read two to an element and written as one each.
"""

from __future__ import annotations

from workloads.network import Operator
from workloads.trace import Window
from workloads.tracing import Tracer
from workloads.tracing_quantization import has_scale
from workloads.tracing_vector import write_elementwise
from workloads.tracing_views import write_view


def write_conversion(tracer: Tracer, operator: Operator) -> None:
    """Add a change of format: a view where the widths are equal, else as many operands or outputs as it has parts."""
    source, output = (tracer.tensor(name) for name in (operator.inputs[0], operator.outputs[0]))
    before, after = source.format, output.format
    if has_scale(before) or has_scale(after):
        write_elementwise(tracer, operator)
        return
    if before.bits == after.bits:
        write_view(tracer, operator)
        return
    activation = _activation_bits(tracer, operator)
    elements = output.elements * tracer.batch
    reads, writes = (-(-elements * one.bits // activation) for one in (before, after))
    channels = output.shape[-1]
    if reads >= writes:
        rows = -(-writes // channels)
        window = Window(1, rows, 1, channels, rows, 1, channels)
        parts = reads // writes
    else:  # every input row is read once and makes several output rows: a window that does not move
        rows = -(-reads // channels)
        window = Window(rows, 1, 1, channels, writes // reads, 1, channels, stride_h=0)
        parts = 1
    tracer.add(operator, "vector", window, function="requantize", operands=parts)


def _activation_bits(tracer: Tracer, operator: Operator) -> int:
    """Return the width of activations: that of what is packed, or of the rows that meet what is unpacked."""
    if operator.kind == "quantize":
        return tracer.tensor(operator.inputs[0]).format.bits
    products = [one for one in tracer.readers.get(operator.outputs[0], []) if one.kind == "matmul"]
    return tracer.tensor(products[0].inputs[0] if products else operator.outputs[0]).format.bits


#: Writers of layers by operator kind.
WRITERS = {"quantize": write_conversion, "dequantize": write_conversion}
