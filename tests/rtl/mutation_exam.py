"""The subset of the suite that mutants are tried on: random programs and layers with values, on the two machines.

Fixed by seed. `SECONDS` is what both machines together may take on one core, programs and golden answers included;
builds are not counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import count, islice, zip_longest
from typing import NamedTuple

from rtl.design import Design
from rtl.mutations.machines import MACHINES
from rtl.mutations.mutants import Mutant
from rtl.mutations.netlists import base_netlist, verilog_of
from rtl.mutations.selectable import selectable
from rtl.mutations.trial import AlteredDesign, Program, Question, Trial, exam_of
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


class Original(NamedTuple):
    """What the mutants of a machine are compared with.

    Attributes
    ----------
    name : str
        Of the machine.
    design : Design
    base : str
        Its netlist, RTLIL.
    exam : sequence of Question
        Programs with the simulator's answers.
    seconds : float
        CPU seconds that these took.
    """

    name: str
    design: Design
    base: str
    exam: Sequence[Question]
    seconds: float

    @classmethod
    def of(cls, name: str, programs: int = PROGRAMS, layers: int = LAYERS) -> Original:
        """Return that of a machine, with an exam of so many programs and layers."""
        machine = MACHINES[name]()
        design = Design.of(machine)
        base = base_netlist(design.verilog)
        began = time.process_time()
        exam = exam_of(machine, design, exam_programs(name, programs, layers))
        return cls(name, design, base, exam, time.process_time() - began)

    def control(self) -> Trial:
        """Return the trial of the netlist that has no mutant; it must survive."""
        return Trial(self.name, AlteredDesign(self.design, verilog_of(self.base)), 0, self.exam)

    def trials(self, mutants: Sequence[Mutant]) -> list[Trial]:
        """Return the trials of mutants, all in one design, and of that design with none chosen."""
        design = AlteredDesign(self.design, selectable(self.base, mutants))
        names = (f"{self.name} with mutants, none chosen", *(mutant.name for mutant in mutants))
        return [Trial(name, design, number, self.exam) for number, name in enumerate(names)]
