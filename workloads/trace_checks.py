"""What the layers of a trace that is read must be, so that no simulator meets an impossible one."""

from __future__ import annotations

from dataclasses import asdict

from workloads.activity import check_activity
from workloads.errors import CodesignError
from workloads.formats import parse_format
from workloads.trace import ENGINES, Layer, Quantization, Trace, Window

#: Limits: an extent or a count; a kernel, stride, dilation or padding; operations and elements of a layer in all.
_MOST, _MOST_OF_KERNEL, _MOST_WORK = 1 << 40, 1 << 20, 1 << 56
_SMALL = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w")


def check_layer(layer: Layer, trace: Trace, where: str) -> None:
    """Refuse a layer whose names, formats, counts or loops are impossible.

    Raises
    ------
    CodesignError
        Naming the field, what it holds and what is allowed.
    """
    if layer.engine not in ENGINES:
        raise CodesignError(f"{where}: engine '{layer.engine}' is not known; use {', '.join(ENGINES)}")
    check_activity(layer.activity, f"{where}: activity")
    multiplier = layer.quantization.multiplier if layer.quantization else ""
    for key in (layer.weights, layer.bias, multiplier):
        if key and key not in trace.arrays:
            raise CodesignError(f"{where}: array '{key}' is not in the file")
    for name in ("input_format", "weight_format", "output_format"):
        parse_format(getattr(layer, name), f"{where}: {name}")
    if layer.quantization:
        _check_quantization(layer.quantization, f"{where}: quantization")
    _check_window(layer.window, f"{where}: window")
    _check_counts(layer, where)


def _check_quantization(numbers: Quantization, where: str) -> None:
    named = [("input_zero_points", each) for each in numbers.input_zero_points]
    named += [(name, getattr(numbers, name)) for name in ("output_zero_point", "low", "high")]
    for name, value in named:
        if not -(1 << 31) <= value < 1 << 31:
            raise CodesignError(f"{where}: {name} = {value}: use a number of 32 bits")
    if numbers.low > numbers.high:
        raise CodesignError(f"{where}: low = {numbers.low} is above high = {numbers.high}")


def _check_window(window: Window, where: str) -> None:
    for name, value in asdict(window).items():
        pad = name.startswith("pad_")
        low, high = (-_MOST_OF_KERNEL if pad else 1), _MOST_OF_KERNEL if pad or name in _SMALL else _MOST
        if not low <= value <= high:
            raise CodesignError(f"{where}: {name} = {value}: use an integer from {low} to {high}")
    for name in ("in_c", "out_c"):
        if getattr(window, name) % window.groups:
            raise CodesignError(f"{where}: groups = {window.groups} do not divide {name} = {getattr(window, name)}")
    elements = [window.batch * window.in_h * window.in_w * window.in_c, window.macs]
    elements += [window.batch * window.out_h * window.out_w * window.out_c]
    if max(elements) > _MOST_WORK:
        raise CodesignError(f"{where}: {max(elements)} elements or operations; at most {_MOST_WORK}")


def _check_counts(layer: Layer, where: str) -> None:
    for name, low in (("operands", 0), ("repeat", 1), ("macs", 0), ("weight_count", 0), ("zero_weights", 0)):
        value = getattr(layer, name)
        if not low <= value <= _MOST_WORK:
            raise CodesignError(f"{where}: {name} = {value}: use an integer from {low} to {_MOST_WORK}")
    if layer.repeat * max(layer.window.macs, 1) > _MOST_WORK:
        raise CodesignError(f"{where}: repeat = {layer.repeat}: more than {_MOST_WORK} operations in all")
    if layer.zero_weights > layer.weight_count:
        raise CodesignError(f"{where}: zero_weights = {layer.zero_weights} of weight_count = {layer.weight_count}")
    if layer.engine == "matrix" and layer.macs != layer.window.macs * layer.repeat:
        raise CodesignError(f"{where}: macs = {layer.macs}: the window has {layer.window.macs * layer.repeat}")
