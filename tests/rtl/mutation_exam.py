"""The subset of the suite that mutants are tried on: random programs and layers with values, on the two machines.

Fixed by seed. `SECONDS` is what both machines together may take on one core, programs and golden answers included;
builds are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice, zip_longest

from rtl.mutations.machines import MACHINES
from rtl.mutations.trial import Program
from rtl.random_programs import random_program
from simulators.npu.checker import check_program
from tests.rtl.cases import _another_layer

SECONDS = 60
PROGRAMS, LAYERS = 600, 60


def _programs(name: str) -> Iterator[Program]:
    machine = MACHINES[name]()
    for seed in count():
        case = random_program(machine, seed)
        check_program(machine, case.program)
        yield Program(f"program {seed}", case.program, case.dram, case.stalls)


def _layers(name: str) -> Iterator[Program]:
    machine = MACHINES[name]()
    for attempt in count():
        case = _another_layer(machine, 0, attempt)
        if case is not None:
            yield Program(case.name, case.program, case.dram, case.stalls)


def exam_programs(name: str, programs: int = PROGRAMS, layers: int = LAYERS) -> Iterator[Program]:
    """Yield the programs of a machine: a layer after every few random ones, for most mutants die early."""
    every = max(programs // max(layers, 1), 1)
    random, drawn = islice(_programs(name), programs), islice(_layers(name), layers)
    groups = (islice(random, every) for _ in count())
    for layer, group in zip_longest(drawn, islice(groups, -(-programs // every))):
        yield from group or ()
        if layer is not None:
            yield layer
