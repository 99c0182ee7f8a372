"""What prices a machine's logic: published tables of arithmetic, or tables from the synthesis of its RTL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from codesign.costs.figures import Figure
from simulators.machine import Machine
from workloads.activity import Activity

#: (action, counter, figure in pJ per count).
Rows = Iterator[tuple[str, str, Figure]]


class Logic(Protocol):
    """Energies at the machine's node and supply, in pJ, and areas there, in um2."""

    def array(self, activity: Activity) -> Rows:
        """PEs: products, registers of PEs in use or idle, tiles and sums that move."""

    def clock(self) -> Figure:
        """A cycle of the clock of all registers that are not storage."""

    def pe_clock(self) -> Figure:
        """A cycle of one PE's clock."""

    def vector(self) -> Rows:
        """Lanes."""

    def adder(self) -> Figure:
        """A sum that is added to one in the accumulator memory."""

    def registers(self, bits: int) -> Figure:
        """Data moving into some register bits outside of the array."""

    def full_power(self) -> list[tuple[str, Figure]]:
        """Energy of a cycle in which no unit idles, by kind of logic."""

    def leakage(self, clock_hz: float) -> list[tuple[str, Figure]]:
        """Leakage in a clock cycle, pJ, by kind of logic."""

    def area(self) -> Iterator[tuple[str, str, Figure]]:
        """(component, part, area) of all logic."""


def logic_of(machine: Machine) -> Logic:
    """Return what prices a machine's logic, as its ``technology.arithmetic`` says.

    An array without RTL (rs, adder trees) has a published profile, whatever the machine says.
    """
    from codesign.costs.published_logic import PublishedLogic
    from codesign.costs.synthesized_logic import FALLBACK, SynthesizedLogic

    if is_synthesized(machine):
        return SynthesizedLogic(machine)
    synthesized = names_synthesis(machine.technology.arithmetic)
    return PublishedLogic(machine, FALLBACK if synthesized else machine.technology.arithmetic)


def names_synthesis(profile: str) -> bool:
    """Return whether a profile is one of tables from synthesis."""
    return profile == "synthesized" or profile.endswith(".csv")


def is_synthesized(machine: Machine) -> bool:
    """Return whether a machine's logic is priced by tables from synthesis, which follow the activity of its layers."""
    systolic = machine.array.dataflow != "rs" and getattr(machine.array, "style", "systolic") == "systolic"
    return names_synthesis(machine.technology.arithmetic) and systolic
