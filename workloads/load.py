"""Find a network by name or file."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from workloads.errors import CodesignError, did_you_mean
from workloads.network import Network
from workloads.phase import Phase
from workloads.zoo.catalog import zoo_names, zoo_network

#: Networks whose shapes come inside the `onnx` package (weights are shapes only).
ONNX_NETWORKS = (
    "alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19",
    "zfnet512",
)  # fmt: skip
_FILE_OF = {"alexnet": "bvlc_alexnet"}
_SUFFIXES = (".onnx", ".tflite", ".csv", ".json")


def network_names() -> list[str]:
    """Return the names of the built-in networks."""
    return ["digits", *zoo_names(), *(f"onnx:{name}" for name in ONNX_NETWORKS)]


def load_network(spec: str, dimensions: Mapping[str, int] | None = None, phase: Phase | None = None) -> Network:
    """Return the network called `spec`: a built-in name, an ONNX or TFLite file, a topology CSV or a ``config.json``.

    Parameters
    ----------
    spec : str
        One of `network_names`, or a path that ends in ``.onnx``, ``.tflite``, ``.csv`` or ``.json`` (Hugging Face).
    dimensions : mapping, optional
        Sizes of an ONNX model's symbolic dimensions by name.
    phase : Phase, optional
        Prefill or decode, context, and format of the key-value cache of a language model.

    Raises
    ------
    CodesignError
        When there is no such network, naming the nearest, or its file is faulty.
    """
    spec = str(spec)
    suffix = "" if spec in network_names() else Path(spec).suffix.lower()
    if dimensions and (spec == "digits" or spec in zoo_names() or suffix == ".json"):
        raise CodesignError(f"{spec}: has no symbolic dimensions to bind")
    if spec in zoo_names():
        return zoo_network(spec, phase)
    if suffix == ".json":
        from workloads.importers.huggingface import import_huggingface

        return import_huggingface(spec, phase)
    if phase and phase.given() and (suffix in _SUFFIXES or spec in network_names()):
        raise CodesignError(f"{spec}: {phase.given()}: only language models by name or config.json have phases")
    if spec in network_names():
        return _built_in(spec, dimensions)
    if suffix == ".onnx":
        from workloads.importers.onnx import import_onnx

        return import_onnx(spec, dimensions)
    if suffix == ".tflite":
        if dimensions:
            raise CodesignError(f"{spec}: a TFLite model has no symbolic dimensions to bind")
        from workloads.importers.tflite import import_tflite

        return import_tflite(spec)
    if suffix == ".csv":
        if dimensions:
            raise CodesignError(f"{spec}: a topology CSV has no symbolic dimensions to bind")
        from workloads.importers.scalesim import import_scalesim

        return import_scalesim(spec)
    names = network_names()
    nearest = did_you_mean(spec, names) or (did_you_mean(f"onnx:{spec}", names) if spec else "")
    raise CodesignError(
        f"network '{spec[:200]}' is not known{nearest}; use a file that ends in {', '.join(_SUFFIXES)}, "
        f"or one of {', '.join(names)}"
    )


def _built_in(spec: str, dimensions: Mapping[str, int] | None) -> Network:
    if spec == "digits":
        from workloads.zoo.digits import load_digits_network

        return load_digits_network()
    from workloads.importers.onnx import import_onnx

    name = spec.partition(":")[2]
    package = importlib.util.find_spec("onnx")
    if package is None or package.origin is None:
        raise CodesignError(f"network '{spec}' comes with the package onnx, which is not installed")
    folder = Path(package.origin).parent / "backend" / "test" / "data" / "light"
    network = import_onnx(folder / f"light_{_FILE_OF.get(name, name)}.onnx", dimensions, source=spec)
    network.name = name
    return network
