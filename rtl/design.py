"""A machine as RTL: what `codesign rtl` writes and every bench runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rtl.emission import Parts, verilog_of
from rtl.encoding import encode_program
from rtl.npu.memories import OnChipMemory, macro_verilog
from rtl.npu.top import Npu
from rtl.parameters import NpuParameters, parameters_of
from simulators.machine import Machine

TOP = "npu"


@dataclass(frozen=True)
class Design:
    """The RTL of one machine.

    Attributes
    ----------
    parameters : NpuParameters
    probe : bool
        Whether the top has the port ``probe``.
    """

    parameters: NpuParameters
    probe: bool = False

    @classmethod
    def of(cls, machine: Machine, *, probe: bool = False) -> Design:
        """Return the design of a machine (see `rtl.parameters.parameters_of` for what has none)."""
        return cls(parameters_of(machine), probe)

    @cached_property
    def _parts(self) -> Parts:
        return Parts()

    @cached_property
    def _top(self) -> Npu:
        return Npu(self.parameters, parts=self._parts, probe=self.probe)

    @cached_property
    def verilog(self) -> str:
        """The whole design as Verilog; the top module is ``npu``. What repeats is emitted once and instantiated."""
        text = verilog_of(self._top, TOP, self._parts)
        return f"{text}\n{macro_verilog(probe=self.probe)}"

    @property
    def memories(self) -> dict[str, OnChipMemory]:
        """The on-chip memories by name."""
        assert self.verilog
        return self._top.memories

    @property
    def probe_fields(self) -> list[tuple[str, int, bool]]:
        """(name, bits, signed) of the parts of port ``probe``, low bits first."""
        return self._top.probe_fields()

    def component(self) -> Npu:
        """Return a fresh component without instances, for Amaranth's own simulator."""
        return Npu(self.parameters, probe=self.probe)

    def encode(self, program: np.ndarray) -> np.ndarray:
        """Return a program as packed words, uint32 of shape (commands, words)."""
        return encode_program(self.parameters, program)
