"""A mutant on trial: run over an exam of programs in a process of its own, judged at the first difference."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import numpy as np

from rtl.bench.job import Job, Options, prepare
from rtl.bench.memory import pointers
from rtl.bench.raw import library, run_raw
from rtl.design import Design
from rtl.equality import differences
from rtl.mutations.selectable import VARIABLE
from rtl.parameters import NpuParameters
from simulators.machine import Machine
from simulators.npu.cycle import Run
from simulators.npu.exact import new_memories, run_exact
from workloads.errors import CodesignError

LIMIT_S = 30  # CPU seconds of a mutant's run; the unmutated design takes a sixth


class Program(NamedTuple):
    """A program of an exam: its name, commands, DRAM before it, stalls."""

    name: str
    commands: np.ndarray
    dram: np.ndarray
    stalls: np.ndarray | None


class Question(NamedTuple):
    """A program prepared for the RTL, and the simulator's answer."""

    name: str
    job: Job
    dram: np.ndarray
    golden: Run
    golden_dram: np.ndarray


class Verdict(NamedTuple):
    """What came of a mutant.

    Attributes
    ----------
    how : str
        ``survived``, or how it was caught: ``difference``, ``stopped`` (the bench gave up), ``crash``, ``hang``
        (no end within `LIMIT_S`); or ``error``, where Python failed: neither.
    program : int
        The program that caught it, by its number in the exam; -1 for none.
    what : str
        The first difference, or the complaint.
    run_s : float
        CPU seconds of the run.
    """

    how: str
    program: int = -1
    what: str = ""
    run_s: float = 0.0

    @property
    def caught(self) -> bool:
        """Whether the exam told the mutant from the original."""
        return self.how not in ("survived", "error")


@dataclass(frozen=True, eq=False)
class AlteredDesign:
    """A design whose Verilog is another (`rtl.bench.shape.BenchDesign`)."""

    original: Design
    verilog: str
    probe: bool = False

    @property
    def parameters(self) -> NpuParameters:
        """Those of the original."""
        return self.original.parameters

    @property
    def probe_fields(self) -> list[tuple[str, int, bool]]:
        """Those of the original, with the port ``probe``."""
        return self.original.probe_fields if self.probe else []

    def component(self) -> Any:
        """There is none: a mutant is Verilog."""
        raise CodesignError("a mutant has no Amaranth component; run it with 'verilator'")

    def encode(self, program: np.ndarray) -> np.ndarray:
        """Return a program as packed words."""
        return self.original.encode(program)


def exam_of(machine: Machine, design: Design, programs: Iterable[Program]) -> list[Question]:
    """Return an exam: every program with what the simulator `exact` says of it."""
    return [_question(machine, design, program) for program in programs]


def _question(machine: Machine, design: Design, program: Program) -> Question:
    memories = new_memories(machine, program.dram.copy())
    golden = run_exact(machine, program.commands, memories, program.stalls)
    job = prepare(design, machine, program.commands, program.dram.copy(), program.stalls)
    return Question(program.name, job, program.dram, golden, memories.dram)


def examine(design: AlteredDesign, exam: Sequence[Question]) -> Verdict:
    """Run the programs on a design until one differs from the simulator."""
    for number, question in enumerate(exam):
        dram = question.dram.copy()
        try:
            ours = run_raw(replace(question.job, design=design, dram=dram), Options())
        except CodesignError as fault:
            return Verdict("stopped", number, str(fault))
        found = differences(question.job.program, ours, question.golden, dram, question.golden_dram)
        if found:
            return Verdict("difference", number, found[0])
    return Verdict("survived")


def _try(pipe: Connection, trial: Trial) -> None:
    """Run in a process of its own; whatever kills it is seen from outside."""
    os.environ[VARIABLE] = str(trial.number)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1), os.dup2(quiet, 2)
    pipe.send("started")
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    began = time.process_time()
    try:
        verdict = examine(trial.design, trial.exam)
    except Exception as fault:  # not the mutant's verdict: to be seen in the table, and run again
        verdict = Verdict("error", what=repr(fault))
    signal.setitimer(signal.ITIMER_PROF, 0)
    pipe.send(verdict._replace(run_s=time.process_time() - began))


class Trial(NamedTuple):
    """A mutant to be judged: its name, the design that holds it, its number there (0: the original), the exam."""

    name: str
    design: AlteredDesign
    number: int
    exam: Sequence[Question]


def judge(trials: Iterable[Trial], workers: int = 1) -> Iterator[tuple[str, Verdict]]:
    """Yield (name, verdict) of each trial as it ends, `workers` at a time.

    Processes are forked: Verilator ends one with a signal where a mutant has no stable state.
    """
    pointers("simple")  # compiled before the first fork
    context = multiprocessing.get_context("fork")
    waiting, running = iter(trials), {}
    while True:
        while len(running) < workers and (trial := next(waiting, None)) is not None:
            library(trial.design)  # built and loaded once, here
            mine, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_try, args=(theirs, trial))
            process.start()
            theirs.close()
            running[process.sentinel] = trial.name, process, mine
        if not running:
            return
        for sentinel in wait(list(running)):
            name, process, pipe = running.pop(sentinel)
            process.join()
            yield name, _verdict(pipe, process.exitcode)


def _verdict(pipe: Connection, exit_code: int) -> Verdict:
    """Return what a finished process has said, or what its end says."""
    said = []
    while pipe.poll():
        try:
            said.append(pipe.recv())
        except EOFError:
            break
    if said and isinstance(said[-1], Verdict):
        return said[-1]
    if exit_code == -signal.SIGPROF:
        return Verdict("hang", what=f"no end within {LIMIT_S} CPU-s", run_s=LIMIT_S)
    if not said:
        raise RuntimeError(f"the process of a mutant has ended with {exit_code} before it ran")
    what = signal.Signals(-exit_code).name if exit_code < 0 else f"exit {exit_code}"
    return Verdict("crash", what=f"Verilator ends the process ({what}), as where signals find no stable state")
