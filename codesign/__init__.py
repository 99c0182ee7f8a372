"""Algorithm-hardware codesign: a network on a described machine, to throughput, energy and area.

>>> import codesign as cd
>>> r = cd.run("onnx:resnet50", "tpu_v1")  # doctest: +SKIP
>>> r.cycles, r.latency_s, r.energy_pj["total"]  # doctest: +SKIP

Names load on first use, so that ``import codesign`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.result import Result as Result
    from codesign.runner import choose_mapping as choose_mapping
    from codesign.runner import run as run
    from simulators.machine import Machine as Machine
    from simulators.machine_files import load_machine as load_machine
    from simulators.machine_files import machine_names as machine_names
    from workloads.errors import CodesignError as CodesignError
    from workloads.load import load_network as load_network
    from workloads.load import network_names as network_names
    from workloads.network import Network as Network
    from workloads.trace import Trace as Trace

__version__ = "0.1.0"

_HOMES = {
    "run": "codesign.runner",
    "choose_mapping": "codesign.runner",
    "Result": "codesign.result",
    "CodesignError": "workloads.errors",
    "load_network": "workloads.load",
    "network_names": "workloads.load",
    "Network": "workloads.network",
    "Trace": "workloads.trace",
    "Machine": "simulators.machine",
    "load_machine": "simulators.machine_files",
    "machine_names": "simulators.machine_files",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codesign' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
