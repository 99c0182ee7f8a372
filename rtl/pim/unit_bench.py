"""The compute unit under cocotb: commands in, what the banks' rows return, the results out.

::

    results = run_unit(parameters, clocks, commands, rows)      # uint32 (results, banks)
"""

from __future__ import annotations

from functools import cache

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import Parts, verilog_of
from rtl.pim.parameters import UnitParameters
from rtl.pim.simulation import simulate
from rtl.pim.unit import ComputeUnit

TOP = "unit_bench"
PORTS = ("valid", "command", "comps", "was_read", "at_column", "columns", "results", "result_valid")


class UnitBench(wiring.Component):
    """A compute unit; its column accesses as registers, so that Python sees them a clock later.

    Attributes
    ----------
    was_read, at_column : Out
        `read` and `column` of the clock before; the others are the unit's.
    """

    def __init__(self, parameters: UnitParameters, parts: Parts) -> None:
        self.unit = ComputeUnit(parameters, parts)
        members = dict(self.unit.signature.members)
        self.passed = tuple(name for name in members if name not in ("read", "column", "loading"))
        kept = {name: members[name] for name in self.passed}
        super().__init__({**kept, "was_read": Out(1), "at_column": Out(range(parameters.columns))})

    def elaborate(self, platform: object) -> Module:
        """Connect, hold."""
        m = Module()
        m.submodules.unit = unit = self.unit
        for name in self.passed:
            inner, outer = getattr(unit, name), getattr(self, name)
            m.d.comb += inner.eq(outer) if self.signature.members[name].flow == In else outer.eq(inner)
        m.d.sync += [self.was_read.eq(unit.read), self.at_column.eq(unit.column)]
        return m


@cache
def unit_verilog(parameters: UnitParameters) -> str:
    """Return the unit's Verilog, its bank MAC emitted once."""
    parts = Parts()
    return verilog_of(UnitBench(parameters, parts), TOP, parts)


def run_unit(
    parameters: UnitParameters, commands: np.ndarray, rows: np.ndarray, simulator: str = "verilator"
) -> tuple[np.ndarray, np.ndarray]:
    """Run commands, and the clocks that the last result needs.

    Parameters
    ----------
    parameters : UnitParameters
    commands : int64 (commands, 4)
        Clock, command (`simulators.pim.commands`), COMPs, open row (its place in `rows`); clocks ascend.
    rows : uint8 (rows, banks, columns, bytes of a column)
        What the banks hold.
    simulator : str
        ``verilator`` or ``icarus``.

    Returns
    -------
    clocks : int64 (results,)
        In which `result_valid` was seen.
    results : uint32 (results, banks)

    Raises
    ------
    CodesignError
        When a tool is missing, or the test fails.
    """
    # A column of all banks as one number, bank 0 in the low bits.
    packed = np.ascontiguousarray(rows.transpose(0, 2, 1, 3)).reshape(len(rows), parameters.columns, -1)
    job = {"commands": commands, "rows": packed, "banks": parameters.banks}
    result = simulate(unit_verilog(parameters), TOP, PORTS, "rtl.pim.unit_test", job, simulator)
    return result["clocks"], result["results"]
