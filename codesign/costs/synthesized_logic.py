"""Logic priced by the synthesis of the RTL: area and energy of PEs, lanes, adders and register bits, by activity.

Tables are of a library at one node. A machine at that node without a supply of its own has the table's figures at the
library's supply (``synthesized``). Any other machine has figures that the machine's law carries: between the nodes of
two tables from both, weighted by the node's distance on a logarithmic axis, beyond them from the nearest (``scaled``).
A table of one machine has its blocks too (queues, DMA engines, control), which then take the place of register bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from codesign.costs import structure
from codesign.costs.blocks import BLOCKS
from codesign.costs.figures import Figure
from codesign.costs.leakage import share_of_power
from codesign.costs.logic import Rows
from codesign.costs.published_logic import PublishedLogic
from codesign.costs.scaling import area_factor, energy_factor, nominal_supply_v, scaling_law
from codesign.costs.synthesized_tables import Component, PeFormats, Table, tables
from rtl.synthesis.cost_rows import OperandStatistics
from simulators.machine import Machine
from workloads.activity import Activity, default_activity

#: Who prices what has no RTL: vector lanes of floats, arrays with dataflow rs.
FALLBACK = "horowitz_45nm"
#: Bits of data outside of the array toggle as uniform bits do (assumed).
UNIFORM = OperandStatistics(0.5, 0.5)
_PJ_PER_FJ = 1e-3
_PJ_HZ_PER_NW = 1e3
Value = Callable[[Component], float]


def operand_statistics(activity: Activity, dataflow: str) -> OperandStatistics:
    """Return a layer's activity as a PE sees it: what streams through it, and what meets it there.

    In ws a PE's weight rests; `other` then says how weights differ from row to row, down a column.
    """
    a = activity
    if dataflow == "ws":
        return OperandStatistics(
            a.activation_over_positions, a.weight_over_depth, a.activation_zeros, a.weight_zeros
        )  # fmt: skip
    if dataflow == "is":
        return OperandStatistics(a.weight_over_outputs, a.activation_over_depth, a.weight_zeros, a.activation_zeros)
    return OperandStatistics(a.activation_over_depth, a.weight_over_depth, a.activation_zeros, a.weight_zeros)


def pe_formats(machine: Machine) -> PeFormats:
    """Return a machine's PE as the tables know it."""
    array, pe = machine.array, machine.array.pe
    operands = (pe.weight, pe.activation) if array.dataflow == "is" else (pe.activation, pe.weight)
    dataflow = "os" if array.dataflow == "os" else "ws"
    return PeFormats(*operands, pe.accumulator, dataflow, array.shadow_weights, pe.latency_cycles)


class SynthesizedLogic:
    """A machine's logic by the tables that its ``technology.arithmetic`` names."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.technology = machine, machine.technology
        self.tables = _weighted(machine)
        pe = machine.array.pe
        self.default = default_activity(pe.activation, pe.weight)
        first = self.tables[0][0]
        self.blocks = tuple(first.blocks(machine)) if len(self.tables) == 1 else ()
        to = self.technology
        self.at_home = len(self.tables) == 1 and first.node_nm == to.node_nm and to.supply_v is None

    def array(self, activity: Activity) -> Rows:
        """PEs: products by PEs in use, operand and sum registers by every PE clocked, tiles and sums that move."""
        machine, array = self.machine, self.machine.array
        yield "multiply-add", "macs", self._pe("multiply_add", activity)
        yield "operands, PE used or idle", "mac_slots", self._pe("operands", activity)
        yield "partial sums, PE used or idle", "mac_slots", self._pe("partial_sums", activity)
        yield "skew registers", "array_cycles", self.registers(structure.skew_register_bits(machine))
        if array.dataflow == "os":
            if array.os_drain == "shifted":
                sums = array.rows * array.cols * structure.widths(machine).accumulator
                yield "drain", "drain_cycles", self.registers(sums)
        else:
            yield "preload", "preload_cycles", self.registers(array.cols * structure.stationary_bits(machine))

    def clock(self) -> Figure:
        """The clock of PEs, lanes and register bits."""
        machine = self.machine
        bits = structure.clocked_register_bits(machine)
        own = structure.register_bits(machine)
        has_lanes = machine.vector is not None and self._has_lane()
        rest = bits - own["array"] - (own["vector"] if has_lanes else 0)
        pes = machine.array.rows * machine.array.cols
        figure = self.pe_clock().times(pes)
        for name in self.blocks:
            figure = figure.plus(self._energy(self._block(name), lambda part: part.clock_fj))
        if not self.blocks:
            figure = figure.plus(self._energy(_register, lambda part: part.clock_fj * rest))
        if machine.vector and has_lanes:
            lanes = machine.vector.lanes
            figure = figure.plus(self._energy(self._lane_of, lambda part: part.clock_fj * lanes))
        return figure

    def pe_clock(self) -> Figure:
        """A PE that holds what it has."""
        return self._energy(lambda table: self._pe_of(table, self.default), lambda part: part.clock_fj)

    def vector(self) -> Rows:
        """Lanes with their pipeline, requantizing."""
        if self.machine.vector and self._has_lane():
            lane = self._energy(self._lane_of, lambda part: part.groups_fj["multiply_add"])
            yield "lane operation", "vector_operations", lane.times(1, "that of requantizing, whatever the function")
        elif self.machine.vector:
            yield from PublishedLogic(self.machine, FALLBACK).vector()

    def adder(self) -> Figure:
        """An adder in the accumulator's format, with uniform bits."""
        name = self.machine.array.pe.accumulator
        return self._energy(lambda table: table.adder(name), lambda part: part.groups_fj["multiply_add"])

    def registers(self, bits: int) -> Figure:
        """Register bits whose data toggle as uniform bits do."""
        figure = self._energy(_register, lambda part: part.groups_fj["operands"] * bits)
        return figure.times(1, "uniform bits outside of the PEs", "assumed")

    def full_power(self) -> list[tuple[str, Figure]]:
        """PEs, lanes and all other register bits, their clock with them."""
        machine = self.machine
        pes = machine.array.rows * machine.array.cols

        def busy(part: Component) -> float:
            return part.clock_fj + sum(part.groups_fj.values())

        arithmetic = self._energy(lambda table: self._pe_of(table, self.default), lambda part: busy(part) * pes)
        own = structure.register_bits(machine)
        bits = sum(own.values()) - own["array"]
        if machine.vector and self._has_lane():
            lanes = machine.vector.lanes
            arithmetic = arithmetic.plus(self._energy(self._lane_of, lambda part: busy(part) * lanes))
            bits -= own["vector"]
        return [("PEs and lanes", arithmetic), ("registers", self._energy(_register, lambda part: busy(part) * bits))]

    def leakage(self, clock_hz: float) -> list[tuple[str, Figure]]:
        """The library's own leakage in a cycle at its node, where it states any; else a share of the full power."""
        parts = self._leaking() if self.at_home else []
        if not parts or not all(figure.value > 0 for _, figure in parts):
            return share_of_power(self.full_power(), self.technology, clock_hz)
        law = f"the library's typical leakage over {clock_hz:.4g} Hz"
        return [(name, replace(nw.times(_PJ_HZ_PER_NW / clock_hz, law), unit="pJ")) for name, nw in parts]

    def _leaking(self) -> list[tuple[str, Figure]]:
        """Leakage in nW of PEs, lanes, and blocks or adders and register bits."""
        machine, name = self.machine, self.machine.array.pe.accumulator

        def leaks(component: Callable[[Table], Component], count: float = 1) -> Figure:
            return self._figure(component, lambda part: part.leakage_nw * count, "nW", lambda part: (1.0, ""))

        pes = machine.array.rows * machine.array.cols
        parts = [("PEs", leaks(lambda table: self._pe_of(table, self.default), pes))]
        own = structure.register_bits(machine)
        bits = sum(own.values()) - own["array"]
        if machine.vector and self._has_lane():
            parts.append(("lanes", leaks(self._lane_of, machine.vector.lanes)))
            bits -= own["vector"]
        if self.blocks:
            return parts + [(name.replace("_", " "), leaks(self._block(name))) for name in self.blocks]
        parts.append(("adders", leaks(lambda table: table.adder(name), machine.array.cols)))
        return [*parts, ("registers", leaks(_register, bits))]

    def area(self) -> Iterator[tuple[str, str, Figure]]:
        """PEs, lanes; blocks, or (of a table without them) adders and register bits outside of both."""
        machine, name = self.machine, self.machine.array.pe.accumulator
        pes, lanes = machine.array.rows * machine.array.cols, machine.vector.lanes if machine.vector else 0
        yield "array", "PEs", self._area(lambda table: self._pe_of(table, self.default)).times(pes)
        own = structure.register_bits(machine)
        if lanes and self._has_lane():
            yield "vector", "lanes", self._area(self._lane_of).times(lanes)
            own.pop("vector")
        elif lanes:
            yield "vector", "lanes", PublishedLogic(machine, FALLBACK).lane_area().times(lanes)
        for block in self.blocks:
            yield BLOCKS[block].component, BLOCKS[block].part, self._area(self._block(block))
        if self.blocks:
            return
        yield "accumulator", "adders", self._area(lambda table: table.adder(name)).times(machine.array.cols)
        own.pop("array")
        for component, bits in own.items():
            if bits:
                yield component, "registers", self._area(_register).times(bits)

    def _pe(self, group: str, activity: Activity) -> Figure:
        return self._energy(lambda table: self._pe_of(table, activity), lambda part: part.groups_fj[group])

    def _pe_of(self, table: Table, activity: Activity) -> Component:
        statistics = operand_statistics(activity, self.machine.array.dataflow)
        return table.pe(pe_formats(self.machine), statistics)

    def _block(self, name: str) -> Callable[[Table], Component]:
        return lambda table: table.blocks(self.machine)[name]

    def _has_lane(self) -> bool:
        return self._lane_or_none(self.tables[0][0]) is not None

    def _lane_or_none(self, table: Table) -> Component | None:
        assert self.machine.vector is not None
        return table.lane(self.machine.vector.requantize, self.machine.array.pe.accumulator)

    def _lane_of(self, table: Table) -> Component:
        lane = self._lane_or_none(table)
        assert lane is not None
        return lane

    def _energy(self, component: Callable[[Table], Component], value: Value) -> Figure:
        """Return an energy of a component at the machine's node and supply, pJ."""
        to = self.technology
        if self.at_home:
            return self._figure(component, lambda part: value(part) * _PJ_PER_FJ, "pJ", lambda part: (1.0, ""))
        supply = to.supply_v or nominal_supply_v(to.node_nm)

        def carried(part: Component) -> tuple[float, str]:
            factor = energy_factor(to.scaling, part.node_nm, to.node_nm, part.supply_v, supply)
            way = f"{part.node_nm} nm at {part.supply_v:.2f} V -> {to.node_nm} nm at {supply:.2f} V"
            return factor, f"{to.scaling} energy {way}" if factor != 1 else ""

        return self._figure(component, lambda part: value(part) * _PJ_PER_FJ, "pJ", carried)

    def _area(self, component: Callable[[Table], Component]) -> Figure:
        """Return a component's area at the machine's node, um2."""
        to = self.technology

        def carried(part: Component) -> tuple[float, str]:
            if part.node_nm == to.node_nm:
                return 1.0, ""
            name = scaling_law(to.scaling).area_name
            factor = area_factor(to.scaling, part.node_nm, to.node_nm)
            return factor, f"{name} area {part.node_nm} -> {to.node_nm} nm"

        return self._figure(component, lambda part: part.area_um2, "um2", carried)

    def _figure(
        self, component: Callable[[Table], Component], value: Value, unit: str,
        carried: Callable[[Component], tuple[float, str]],
    ) -> Figure:  # fmt: skip
        """Return the weighted geometric mean of what the tables give, with everything that was done to it."""
        logarithm, sources, laws = 0.0, [], []
        for table, weight in self.tables:
            part = component(table)
            factor, law = carried(part)
            taken = value(part) * factor
            logarithm = -math.inf if taken == 0 else logarithm + weight * math.log(taken)
            sources.append(part.source)
            laws += [part.law, law + (f" (weight {weight:.2f})" if len(self.tables) > 1 else "")]
        exact = len(self.tables) == 1
        result = taken if exact else math.exp(logarithm)
        nearest = max(self.tables, key=lambda item: item[1])[0]
        law = "; ".join(dict.fromkeys(filter(None, laws)))
        source = "; ".join(dict.fromkeys(sources))
        return Figure(result, unit, nearest.node_nm, source, "scaled" if law else "synthesized", law)


def _register(table: Table) -> Component:
    return table.register(UNIFORM)


def _weighted(machine: Machine) -> list[tuple[Table, float]]:
    """Return the tables around a machine's node, or the nearest, with weights that add up to one."""
    node = machine.technology.node_nm
    law = scaling_law(machine.technology.scaling)
    known = sorted(tables(machine.technology.arithmetic), key=lambda table: table.node_nm)
    known = [table for table in known if law.low_nm <= table.node_nm <= law.high_nm or table.node_nm == node] or known
    below = [table for table in known if table.node_nm <= node]
    above = [table for table in known if table.node_nm >= node]
    if not below or not above or below[-1] is above[0]:
        return [((below or above)[-1] if below else above[0], 1.0)]
    low, high = below[-1], above[0]
    share = math.log(node / low.node_nm) / math.log(high.node_nm / low.node_nm)
    return [(low, 1 - share), (high, share)]
