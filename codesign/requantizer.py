"""A machine whose requantizer rounds as the network was made for."""

from __future__ import annotations

from collections.abc import Sequence

from simulators.machine import Machine
from simulators.machine_files import override_machine
from workloads.network import Network
from workloads.requantize import TFLITE

_FIELD = "vector.requantize"
_WANTED = "tflite_double"
#: Operators that TFLite rounds twice; the others come out right in every mode (`simulators.npu.tflite_values`).
_ROUNDED_TWICE = ("conv", "mul", "requantize", "quantize", "global_average_pool")


def with_requantizer_of(network: Network, machine: Machine, overrides: Sequence[str]) -> tuple[Machine, str]:
    """Return the machine, and a line that says what was changed (empty: nothing).

    The mode of a requantizer is a choice when the machine is built and costs no cycle. A TFLite network gets the one of
    its convolutions, unless it has none or an override names a mode.
    """
    overrides = (overrides,) if isinstance(overrides, str) else overrides
    if network.rounding != TFLITE or machine.vector is None or machine.vector.requantize == _WANTED:
        return machine, ""
    if not any(operator.kind in _ROUNDED_TWICE for operator in network.operators):
        return machine, ""
    mode = machine.vector.requantize
    if any(text.partition("=")[0].strip() == _FIELD for text in overrides):
        return machine, f"requantizer: {mode} rounds other than TFLite's {_WANTED}; values may differ by one step"
    changed = override_machine(machine, (f"{_FIELD}={_WANTED}",))
    return changed, f"requantizer: {_WANTED}, as TFLite rounds, instead of {mode} (--set {_FIELD}={mode} keeps it)"
