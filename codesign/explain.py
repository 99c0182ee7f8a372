"""`codesign explain`: what a reported figure means, its formula, and the line of the source that computes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from workloads.errors import unknown_name


@dataclass(frozen=True)
class Term:
    """A reported figure.

    Attributes
    ----------
    meaning, formula : str
        In words; as it is computed.
    module, mark : str
        The file below the distribution's packages, and the text by which its line is found.
    """

    meaning: str
    formula: str
    module: str
    mark: str


_WHOLE, _LAYER, _BOUND = "codesign/assemble.py", "codesign/assemble.py", "codesign/bottleneck.py"
#: By the key of the JSON; an underscore may be written as a blank or a hyphen.
TERMS: dict[str, Term] = {
    "cycles": Term(
        "clock cycles of one pass of the batch; layers run one after the other", "sum over layers of cycles x repeat",
        "simulators/npu/simulate.py", "return sum(run.cycles for run in self.layers)",
    ),
    "latency_s": Term("time of one pass of the batch, seconds", "cycles / clock_hz", _WHOLE, "latency_s ="),
    "throughput_per_s": Term(
        "inferences a second when passes follow each other; in decode tokens, one of each sequence a pass",
        "batch / latency_s", _WHOLE, "throughput_per_s="
    ),
    "macs": Term(
        "multiply-accumulates of matrix layers that ran on the machine", "sum over layers, those on the host left out",
        _WHOLE, "macs = sum",
    ),
    "utilization": Term(
        "share of the array's multiply-accumulates that did useful work; edges, fill, drain and waits all lower it",
        "macs / (cycles x cores x rows x cols)", _WHOLE, "utilization=_ratio",
    ),
    "tops": Term(
        "achieved tera-operations a second, two operations a multiply-accumulate", "2 x macs / latency_s / 1e12",
        _WHOLE, "operations_per_s =",
    ),
    "peak_tops": Term(
        "the same with every PE busy in every cycle", "2 x cores x rows x cols x clock_hz / 1e12", _WHOLE, "peak_tops="
    ),
    "tops_per_w": Term(
        "tera-operations a joule, memories and DRAM included", "2 x macs / energy_pj.total", _WHOLE, "tops_per_w="
    ),
    "power_w": Term("mean power of a pass, DRAM included", "energy / latency", _WHOLE, "power_w="),
    "dram_bytes": Term(
        "bytes over the memory port, both ways", "dram_read_bytes + dram_write_bytes", _WHOLE, "dram_bytes=counts"
    ),
    "energy_pj": Term(
        "energy of a pass by component, picojoules: every counted action times its cost, and leakage",
        "sum over actions of count x pJ per action", "codesign/costs/energy.py", "by_component[cost.component] +=",
    ),
    "area_um2": Term(
        "cell area by component, no placement or pads", "sum over parts of the component", "codesign/costs/area.py",
        "def area(",
    ),
    "bottlenecks": Term(
        "cycles by what binds the layers that spend them", "sum of cycles of layers with the same bound_by", _WHOLE,
        "def _bottlenecks",
    ),
    "busy": Term(
        "share of a layer's cycles in which its engine takes new operands",
        "array_cycles / cycles (vector layers: vector_cycles / cycles)", _BOUND, "def busy_cycles",
    ),
    "compute_cycles": Term(
        "a layer's cycles that wait for no other engine, fill and drain included", "cycles - stall_cycles", _LAYER,
        '"compute_cycles"',
    ),
    "stall_cycles": Term(
        "a layer's cycles in which its engine waits for loads, stores, the vector unit or commands",
        "wait_load + wait_vector + wait_store + wait_queue (+ wait_token)", _BOUND, "def stall_cycles",
    ),
    "cycle_classes": Term(
        "every cycle of a layer in exactly one class, so that they sum to the cycles",
        "from the counters of the array's waits; tail: what passes after the last execute command", _BOUND,
        "def cycle_classes",
    ),
    "bound_by": Term(
        "the resource with the largest class of cycles, or DRAM or DMA where transfers take more than that; waits on "
        "loads are traced to bandwidth, latency or the bus",
        "argmax over classes, dram_bytes / bandwidth and beats", _BOUND, "def _by_class",
    ),
    "bound_share": Term(
        "the share of the layer's cycles that bound_by has", "largest class, or transfers, / cycles", _BOUND,
        "share = groups[name] / cycles",
    ),
    "weight_density": Term(
        "share of weights that are not zero", "non-zeros / weights", "workloads/trace.py", "def weight_density"
    ),
    "activity": Term(
        "mean toggles of a bit from one value to the next in streaming order: 0.5 for random bits",
        "toggled bits / (bits x steps), measured on the trace's real values", "workloads/toggles.py", "def ",
    ),
}  # fmt: skip


def explain(name: str) -> str:
    """Return the explanation of a reported figure or counter.

    Raises
    ------
    CodesignError
        For a name that is neither, naming the nearest.
    """
    from simulators.activity import COUNTERS, MEMORY_COUNTERS

    key = re.sub(r"[\s-]+", "_", name.strip().lower()).strip("_")
    key = {"total": "energy_pj", "energy": "energy_pj", "area": "area_um2", "latency": "latency_s"}.get(key, key)
    if key in TERMS:
        term = TERMS[key]
        place = f"{term.module}:{_line(term.module, term.mark)}"
        return f"{key}: {term.meaning}\n  formula  {term.formula}\n  source   {place}\n"
    if key in COUNTERS or key in MEMORY_COUNTERS:
        module = "simulators/activity.py"
        line = _line(module, f'"{key}",')
        said = _text(module)[line - 1].partition("#")[2].strip()
        meaning = said or key.replace("_", " ")
        counted = "simulation, an integer, equal in every fidelity", "DRAM, an integer, equal in cycle and exact"
        formula = f"counted in the {counted[key in MEMORY_COUNTERS]}"
        return f"{key}: {meaning}\n  formula  {formula}\n  source   {module}:{line}\n"
    known = (*TERMS, *(counter for counter in (*COUNTERS, *MEMORY_COUNTERS) if counter not in TERMS))
    raise unknown_name("explain", "reported figure or counter", name, known)


def explain_all() -> str:
    """Return a line for every reported figure and counter: its name and what it means."""
    from simulators.activity import COUNTERS, MEMORY_COUNTERS

    names = [*TERMS, *(counter for counter in (*COUNTERS, *MEMORY_COUNTERS) if counter not in TERMS)]
    width = max(map(len, names))
    meanings = (explain(name).splitlines()[0].partition(": ")[2] for name in names)
    return "".join(f"{name:{width}}  {meaning}\n" for name, meaning in zip(names, meanings, strict=True))


def _text(module: str) -> list[str]:
    package, _, path = module.partition("/")
    return files(package).joinpath(path).read_text(encoding="utf-8").splitlines()


def _line(module: str, mark: str) -> int:
    """Return the line, from 1, in which a text stands first."""
    return next(number for number, line in enumerate(_text(module), 1) if mark in line)
