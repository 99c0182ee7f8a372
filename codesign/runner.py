"""One network on one machine: read, re-type, trace, simulate, count the costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codesign.assemble import assemble
from codesign.inputs import Inputs, exact_inputs, read_inputs, with_measured_activity
from codesign.mapping_files import read_mapping
from codesign.provenance import provenance
from codesign.requantizer import with_requantizer_of
from codesign.result import Result
from simulators.machine import Machine
from simulators.machine_files import load_machine, override_machine
from workloads.errors import CodesignError, did_you_mean
from workloads.formats import parse_format
from workloads.network import Network
from workloads.phase import Phase
from workloads.requantize import TFLITE
from workloads.trace import Trace

FIDELITIES = ("exact", "cycle", "fast")
OBJECTIVES = ("cycles", "energy")
FORMATS = ("retype", "keep")
Progress = Callable[[int, int, str], None]


@dataclass
class Prepared:
    """What a simulation needs, and what was done to get there."""

    machine: Machine
    trace: Trace
    label: str
    weights: str
    notes: list[str] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)


def run(
    network: str | Path | Network | Trace,
    machine: str | Path | Machine,
    *,
    set: Sequence[str] = (),
    batch: int = 1,
    fidelity: str = "cycle",
    formats: str = "retype",
    mapping: str | Path | Mapping[str, Any] | None = None,
    objective: str = "cycles",
    allow_host: bool = False,
    random_weights: int | None = None,
    dimensions: Mapping[str, int] | None = None,
    inputs: Inputs | None = None,
    phase: str = "",
    context: int | None = None,
    kv_format: str = "",
    progress: bool | Progress | None = False,
    partition: str = "best",
) -> Result:
    """Run a network on a machine.

    Parameters
    ----------
    network, machine : str, Path or object
        A name (``onnx:resnet50``), an ONNX, TFLite, topology CSV or config.json file; a preset or a YAML file.
    set : sequence of str
        Overrides of the machine, ``array.rows=64`` each.
    batch : int
        Inferences in one pass.
    fidelity, formats : str
        ``exact`` (register by register, with values), ``cycle`` (event-driven) or ``fast`` (closed form); ``retype``
        puts a float network into the machine's formats and says so in `Result.notes`, ``keep`` refuses.
    mapping : str, Path or mapping, optional
        A file of `codesign map`, or `Result.mapping`; chosen when absent.
    objective, allow_host : str, bool
        The mapper minimises ``cycles`` or ``energy``; the host gets what the machine cannot run, instead of a refusal.
    random_weights : int, optional
        Seed of random weights, scales and inputs; `exact` needs it where the network has no values of its own.
    dimensions : mapping, optional
        Sizes of an ONNX model's symbolic dimensions.
    inputs : mapping, str or Path, optional
        Arrays by the name of the network's input, or an ``.npz`` (``.npy``) of them; several batches lie along the
        first axis. The activity of the layers is measured on them (on the network's own samples when absent), and
        `exact` computes the first batch (random values when absent).
    phase, context, kv_format, partition : str, int or None, str, str
        Of a language model, as in `workloads.phase.Phase`: ``prefill`` or ``decode``, tokens, format of the cache;
        of a machine with several cores: layers are divided by ``batch``, output ``channels``, ``rows`` or the ``best``.
    progress : bool or callable
        True draws a bar; a callable gets (layers done, in all, name).

    Raises
    ------
    CodesignError
        With a line for each fault.
    """
    from simulators.npu.simulate import simulate

    began, one = time.perf_counter(), Phase(phase, context, kv_format)
    _check_choice("fidelity", fidelity, FIDELITIES)
    ready = prepare(network, machine, set, batch, formats, random_weights, dimensions, inputs, one)
    values = _values(network, ready, fidelity, random_weights)
    with _watched(progress) as watcher:
        simulation = simulate(
            ready.trace, ready.machine, fidelity, _pinned(mapping), objective, _costs(ready.machine, objective),
            allow_host=allow_host, inputs=values, progress=watcher, partition=partition,
        )  # fmt: skip
    result = assemble(simulation, ready.label, ready.weights, [*ready.notes, *simulation.notes])
    result.counted = "tokens" if one.is_decode else result.counted
    result.provenance = provenance(network, ready.trace, ready.machine, random_weights, began)
    return result


def choose_mapping(
    network: str | Path | Network | Trace,
    machine: str | Path | Machine,
    *,
    set: Sequence[str] = (),
    batch: int = 1,
    formats: str = "retype",
    objective: str = "cycles",
    allow_host: bool = False,
    dimensions: Mapping[str, int] | None = None,
    phase: str = "",
    context: int | None = None,
    kv_format: str = "",
) -> dict[str, Any]:
    """Return the mapping that `run` would choose, by layer; parameters as in `run`.

    Raises
    ------
    CodesignError
        When a layer fits the machine in no way, with the reason.
    """
    from simulators.npu import simulate

    ready = prepare(
        network, machine, set, batch, formats, dimensions=dimensions, phase=Phase(phase, context, kv_format)
    )
    costs = _costs(ready.machine, objective)
    return simulate.choose_mapping(ready.trace, ready.machine, objective, costs, allow_host)


def prepare(
    network: str | Path | Network | Trace,
    machine: str | Path | Machine,
    overrides: Sequence[str] = (),
    batch: int = 1,
    formats: str = "retype",
    seed: int | None = None,
    dimensions: Mapping[str, int] | None = None,
    inputs: Inputs | None = None,
    phase: Phase | None = None,
) -> Prepared:
    """Return machine and trace, the network in the machine's formats, the activity of real values measured."""
    from workloads.load import load_network
    from workloads.tracing import trace_network
    from workloads.transforms.float_boundary import without_float_boundary
    from workloads.transforms.random_values import random_values

    _check_choice("formats", formats, FORMATS)
    described = read_machine(machine, overrides)
    if described.pim is not None:
        raise CodesignError(
            f"{described.name}: its memory computes (section pim): it runs language models, by codesign run alone"
        )
    if phase and phase.given() and isinstance(network, Trace | Network):
        raise CodesignError(f"network: {phase.given()}: an object has its phase already; give a name or config.json")
    if isinstance(network, Trace):
        if seed is not None or dimensions or batch != 1:
            raise CodesignError("network: a Trace has its batch, weights and dimensions already; give a Network")
        label, given = network.source or network.name, read_inputs(inputs, network)
        return Prepared(described, network, label, network.weights, inputs=given)
    graph = network if isinstance(network, Network) else load_network(str(network), dimensions, phase)
    label, weights, notes = graph.source or graph.name, graph.weights, []
    if graph.rounding == TFLITE:
        graph, said = without_float_boundary(graph)
        notes += [said] if said else []
    described, said = with_requantizer_of(graph, described, overrides)
    notes += [said] if said else []
    typed, said = _retyped(graph, described, formats, label)
    notes += [said] if said else []
    if seed is not None:
        typed, weights = random_values(typed, seed), f"random (seed {seed})"
    trace = trace_network(typed, batch)
    notes += _cache_note(trace, described, phase)
    given = read_inputs(inputs, trace)
    if weights == "real":
        trace, said = with_measured_activity(trace, graph, given)
        notes += [said] if said else []
    return Prepared(described, trace, label, weights, notes, given)


def read_machine(machine: str | Path | Machine, overrides: Sequence[str] = ()) -> Machine:
    """Return a machine from a preset's name, a file or an object, with overrides."""
    if isinstance(overrides, str):
        overrides = (overrides,)
    if isinstance(machine, Machine):
        return override_machine(machine, overrides) if overrides else machine
    return load_machine(str(machine), overrides)


def _retyped(graph: Network, machine: Machine, formats: str, label: str) -> tuple[Network, str]:
    from workloads.transforms.retype import retype

    pe = machine.array.pe
    floats = sorted({t.format.name for t in graph.tensors.values() if not t.format.is_integer})
    if not floats or not parse_format(pe.activation).is_integer:
        return graph, ""
    if formats == "keep":
        raise CodesignError(
            f"{label}: its tensors are {', '.join(floats)}, the array of {machine.name} multiplies {pe.activation} by "
            f"{pe.weight}; formats 'keep' forbids to re-type them"
        )
    return retype(graph, pe.activation, pe.weight, pe.accumulator)


def _cache_note(trace: Trace, machine: Machine, phase: Phase | None) -> list[str]:
    """Return a line where the vector unit packs and unpacks the key-value cache."""
    kinds = {layer.operator for layer in trace.layers if layer.engine == "vector"}
    if phase is None or not phase.kv_format or not kinds & {"quantize", "dequantize"}:
        return []
    pe = machine.array.pe
    told = f"the array of {machine.name} multiplies {pe.activation} by {pe.weight}"
    return [f"cache: {phase.kv_format}, packed and unpacked by the vector unit ({told})"]


def _values(network: Any, ready: Prepared, fidelity: str, seed: int | None) -> dict[str, Any] | None:
    """Return the inputs that a run computes, None where it has no values; inputs without any use are refused."""
    if fidelity == "exact":
        return _exact_inputs(ready, seed)
    if ready.inputs and (ready.weights != "real" or isinstance(network, Trace)):
        reason = "a Trace has its activity already" if ready.weights == "real" else f"weights are {ready.weights}"
        raise CodesignError(f"inputs: there is nothing to measure on them ({reason}); only fidelity exact takes them")
    return None


def _exact_inputs(ready: Prepared, seed: int | None) -> dict[str, Any]:
    """Return the inputs of an exact run; random ones say so in the notes."""
    from workloads.transforms.random_values import random_inputs

    trace = ready.trace
    matrix = [layer for layer in trace.layers if layer.engine == "matrix"]
    lacking = ""
    if any(not layer.weights and not layer.weights_are_activations for layer in matrix):
        lacking = "this network has shapes only"
    elif any(layer.quantization is None for layer in matrix):
        lacking = "the activations of this network have no scale"
    if lacking:
        raise CodesignError(
            f"{ready.label}: fidelity exact computes values, and {lacking}; "
            "give a seed for random ones (--random-weights SEED)"
        )
    if ready.inputs:
        return exact_inputs(trace, ready.inputs)
    ready.notes.append(f"inputs: random (seed {seed or 0})")
    return random_inputs(trace, seed or 0)


def _pinned(mapping: str | Path | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return read_mapping(mapping) if isinstance(mapping, str | Path) else mapping


def _costs(machine: Machine, objective: str) -> dict[str, float] | None:
    """Return pJ per count by the counter's name, for a mapper that minimises energy."""
    from codesign.costs.energy import action_vector

    _check_choice("objective", objective, OBJECTIVES)
    return action_vector(machine) if objective == "energy" else None


def _watched(progress: bool | Progress | None) -> Any:
    """Return a context that gives the simulator's progress callable, or None."""
    if progress is True:
        from codesign.report.progress import layer_progress

        return layer_progress()
    return nullcontext(progress or None)


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise CodesignError(f"{name}: '{value}' is none of {', '.join(allowed)}{did_you_mean(value, allowed)}")
