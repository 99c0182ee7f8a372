"""Logic priced by a published profile of arithmetic (`arithmetic`) and one table's register bit (`clock`).

The figures are averages without a statement of the data: they do not follow a layer's activity.
"""

from __future__ import annotations

from collections.abc import Iterator

from codesign.costs import structure
from codesign.costs.arithmetic import add, mac, multiply, supply_v
from codesign.costs.clock import clock_energy, register_area, register_energy
from codesign.costs.figures import Figure
from codesign.costs.leakage import share_of_power
from codesign.costs.logic import Rows
from codesign.costs.scaling import carry_area, carry_energy
from simulators.machine import Machine
from workloads.activity import Activity


class PublishedLogic:
    """A machine's logic by the profile that it names (or by another)."""

    def __init__(self, machine: Machine, profile: str) -> None:
        self.machine, self.technology = machine, machine.technology
        self.profile = profile

    def array(self, activity: Activity) -> Rows:
        """PEs: a MAC by a PE in use, registers by every PE clocked, tiles and sums that move."""
        machine, array = self.machine, self.machine.array
        yield "multiply-accumulate", "macs", self._mac()
        yield "PE registers, used or idle", "mac_slots", self.registers(_slot_bits(machine))
        yield "skew registers", "array_cycles", self.registers(structure.skew_register_bits(machine))
        if array.dataflow == "os":
            if array.os_drain == "shifted":
                sums = array.rows * array.cols * structure.widths(machine).accumulator
                yield "drain", "drain_cycles", self.registers(sums)
        else:
            yield "preload", "preload_cycles", self.registers(array.cols * structure.stationary_bits(machine))

    def clock(self) -> Figure:
        """The clock's share of every clocked register bit."""
        return clock_energy(self.technology, structure.clocked_register_bits(self.machine))

    def pe_clock(self) -> Figure:
        """The clock's share of a PE's register bits."""
        return clock_energy(self.technology, structure.pe_register_bits(self.machine))

    def vector(self) -> Rows:
        """Lanes and their pipeline."""
        if self.machine.vector:
            yield "lane operation", "vector_operations", self.lane()
            yield "pipeline registers", "vector_cycles", self.registers(structure.vector_register_bits(self.machine))

    def lane(self) -> Figure:
        """A multiplier and an adder."""
        name = self.machine.array.pe.accumulator
        lane = self._carried(multiply(self.profile, name, vector_multiplier(name)).plus(add(self.profile, name)))
        return lane.times(1, "a multiply and an add, whatever the function", "assumed")

    def lane_area(self) -> Figure:
        """A multiplier and an adder; the pipeline's registers are apart."""
        name = self.machine.array.pe.accumulator
        lane = multiply(self.profile, name, vector_multiplier(name), "area_um2").plus(
            add(self.profile, name, "area_um2")
        )
        return carry_area(lane, self.technology).times(1, "a multiplier and an adder a lane", "assumed")

    def adder(self) -> Figure:
        """An adder in the accumulator's format."""
        return self._carried(add(self.profile, self.machine.array.pe.accumulator))

    def registers(self, bits: int) -> Figure:
        """A register bit's energy without its clock's share."""
        return register_energy(self.technology, bits)

    def full_power(self) -> list[tuple[str, Figure]]:
        """All MACs and lanes; all registers."""
        machine = self.machine
        arithmetic = self._mac().times(machine.array.rows * machine.array.cols)
        if machine.vector:
            arithmetic = arithmetic.plus(self.lane().times(machine.vector.lanes))
        registers = self.registers(sum(structure.register_bits(machine).values()))
        return [("arithmetic", arithmetic), ("registers", registers)]

    def leakage(self, clock_hz: float) -> list[tuple[str, Figure]]:
        """A share of the full power."""
        return share_of_power(self.full_power(), self.technology, clock_hz)

    def area(self) -> Iterator[tuple[str, str, Figure]]:
        """Multipliers, adders, register bits."""
        machine, pe = self.machine, self.machine.array.pe
        cell = mac(self.profile, pe.activation, pe.weight, pe.accumulator, "area_um2")
        pes = machine.array.rows * machine.array.cols
        yield "array", "multiply-accumulate", carry_area(cell, self.technology).times(pes)
        if machine.vector:
            yield "vector", "lanes", self.lane_area().times(machine.vector.lanes)
        adder = carry_area(add(self.profile, pe.accumulator, "area_um2"), self.technology)
        yield "accumulator", "adders", adder.times(machine.array.cols)
        for component, bits in structure.register_bits(machine).items():
            if bits:
                yield component, "registers", register_area(self.technology, bits)

    def _mac(self) -> Figure:
        pe = self.machine.array.pe
        return self._carried(mac(self.profile, pe.activation, pe.weight, pe.accumulator))

    def _carried(self, figure: Figure) -> Figure:
        return carry_energy(figure, self.technology, supply_v(self.profile))


def _slot_bits(machine: Machine) -> int:
    """Register bits of a PE through which data pass with each vector or step."""
    return structure.streamed_bits(machine) + structure.product_bits(machine) + structure.widths(machine).accumulator


def vector_multiplier(accumulator: str) -> str:
    """Return the format by which a lane multiplies a sum: the requantizer's 32 bits, or the sum's own float."""
    return "int32" if accumulator.startswith(("int", "uint")) else accumulator
