"""One file, read as what it is: a summary in a line, or every fault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codesign.report.units import si
from workloads.errors import CodesignError

SUFFIXES = (".yaml", ".yml", ".onnx", ".tflite", ".csv", ".json")


def check_file(path: str, dimensions: Mapping[str, int] | None = None) -> str:
    """Return a summary of a machine, mapping, ONNX, topology or Hugging Face configuration file.

    Parameters
    ----------
    dimensions : mapping, optional
        Sizes of an ONNX model's symbolic dimensions, by name.

    Raises
    ------
    CodesignError
        With a line for each fault.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise CodesignError(f"{path}: not a kind of file that codesign reads; use {', '.join(SUFFIXES)}")
    if not Path(path).exists():
        raise CodesignError(f"{path}: no such file")
    if suffix in (".yaml", ".yml"):
        return _mapping(path) if _looks_like_mapping(path) else _machine(path)
    return _network(path, dimensions if suffix == ".onnx" else None)


def _looks_like_mapping(path: str) -> bool:
    if not Path(path).is_file():
        return False
    with open(path, "rb") as file:
        return any(line.startswith(b"codesign_mapping") for line in file.read(1 << 16).splitlines())


def _mapping(path: str) -> str:
    from codesign.mapping_files import read_mapping

    return f"a mapping of {len(read_mapping(path))} layers"


def _machine(path: str) -> str:
    from simulators.machine_files import load_machine

    # A path without a folder is still a path here, even where a preset has its name.
    machine = load_machine(path)
    array, pe = machine.array, machine.array.pe
    return (
        f"machine {machine.name}: {array.rows}x{array.cols} {array.dataflow}, {pe.activation} x {pe.weight}, "
        f"{si(machine.clock_hz, 'Hz')}, {machine.technology.node_nm} nm"
    )


def _network(path: str, dimensions: Mapping[str, int] | None) -> str:
    from workloads.load import load_network
    from workloads.tracing import trace_network

    network = load_network(path, dimensions)
    trace = trace_network(network)
    return f"network {network.name}: {len(trace.layers)} layers, {si(trace.macs, 'MAC')}, weights: {network.weights}"
