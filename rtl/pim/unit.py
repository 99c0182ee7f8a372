"""A channel's compute unit: the global buffer, the bank MACs, and what turns a command into slices and strobes.

Commands come as the scheduler issues them (`simulators.pim.commands`): the first COMP or DOT behind a HEADER takes
slice 0, each other COMP the next; READRES reads the sums; DOT does `comps` COMPs, a step apart, and a READRES a step
after the last, no sooner than `fill_steps` steps after the first; GWRITE copies the open row of bank 0, column by
column. What a column access returns is there a clock later, as the global buffer's own memory is.
"""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.emission import Parts, place
from rtl.parameters import address_bits
from rtl.pim.bank_mac import MAC_MODULE, BankMac
from rtl.pim.parameters import UnitParameters
from simulators.pim.commands import COMMANDS, COMP, DOT, GWRITE, HEADER, READRES

COMMAND_BITS = (len(COMMANDS) - 1).bit_length()


class ComputeUnit(wiring.Component):
    """Everything of a channel that computes, but its scheduler.

    Parameters
    ----------
    parameters : UnitParameters
    parts : Parts
        `rtl.emission.place`.

    Attributes
    ----------
    valid, command, comps : In
        A command of this clock; COMPs of a DOT.
    read, column : Out
        Column access of this clock: of bank 0 while `loading`, else of every bank.
    loading : Out(1)
    columns : In (banks * column_bits)
        What the banks returned for the access of the clock before.
    results : Out (banks * 32)
    result_valid : Out(1)
    """

    def __init__(self, parameters: UnitParameters, parts: Parts) -> None:
        self.parameters, self.parts = parameters, parts
        p = parameters
        super().__init__({
            "valid": In(1), "command": In(COMMAND_BITS), "comps": In(range(p.slices + 1)),
            "read": Out(1), "column": Out(range(p.columns)), "loading": Out(1), "columns": In(p.banks * p.column_bits),
            "results": Out(p.result_bits), "result_valid": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Strobes, buffer, MACs."""
        m = Module()
        p = self.parameters
        comp, readres, place = self._strobes(m)
        load, load_column = self._load(m)
        column = Mux(load, load_column, place // p.slices_of_column)
        m.d.comb += [self.read.eq(comp | load), self.column.eq(column), self.loading.eq(load)]
        m.submodules.buffer = buffer = Memory(shape=p.column_bits, depth=p.columns, init=[])
        write, read = buffer.write_port(), buffer.read_port()
        arrives = Signal()
        at = Signal(range(p.columns), reset_less=True)
        m.d.sync += [arrives.eq(load), at.eq(load_column)]
        m.d.comb += [
            write.en.eq(arrives), write.addr.eq(at), write.data.eq(self.columns[: p.column_bits]),
            read.en.eq(comp), read.addr.eq(place // p.slices_of_column),
        ]  # fmt: skip
        self._macs(m, comp, readres, place % p.slices_of_column, read.data)
        return m

    def _is(self, command: int) -> Value:
        return self.valid & (self.command == command)

    def _strobes(self, m: Module) -> tuple[Value, Value, Value]:
        """Return COMP and READRES of this clock, those of a DOT among them, and the slice."""
        p = self.parameters
        dot, header = self._is(DOT), self._is(HEADER)
        left = Signal(range(p.slices + 1))
        wait = Signal(range(p.step + 1))
        until_read = Signal(range(p.step * max(p.slices, p.fill_steps) + 1))
        again = (wait == 1) & (left != 0)
        comp = Signal()
        m.d.comb += comp.eq(self._is(COMP) | dot | again)
        with m.If(dot | again):
            m.d.sync += [wait.eq(p.step), left.eq(Mux(dot, self.comps, left) - 1)]
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.If(dot):
            m.d.sync += until_read.eq(p.step * Mux(self.comps < p.fill_steps, p.fill_steps, self.comps))
        with m.Elif(until_read != 0):
            m.d.sync += until_read.eq(until_read - 1)
        # A HEADER may issue while a DOT before it still runs: it sets the slice of the COMP or DOT behind it.
        following = Signal(range(p.slices))
        fresh = Signal()
        starts = self._is(COMP) | dot
        place = Mux(starts & fresh, 0, following)
        with m.If(header | starts):
            m.d.sync += fresh.eq(header)
        with m.If(comp):
            m.d.sync += following.eq(place + 1)
        return comp, self._is(READRES) | (until_read == 1), place

    def _load(self, m: Module) -> tuple[Value, Value]:
        """Return the column accesses of a GWRITE and their columns."""
        p = self.parameters
        running = Signal()
        wait = Signal(range(p.column_clocks))
        column = Signal(range(p.columns))
        gwrite = self._is(GWRITE)
        load = Signal()
        m.d.comb += load.eq(running & (wait == 0))
        with m.If(gwrite):
            m.d.sync += [running.eq(1), wait.eq(0), column.eq(0)]
        with m.Elif(load):
            m.d.sync += [column.eq(column + 1), wait.eq(p.column_clocks - 1), running.eq(column != p.columns - 1)]
        with m.Elif(running):
            m.d.sync += wait.eq(wait - 1)
        return load, column

    def _macs(self, m: Module, comp: Value, readres: Value, part: Value, vector: Value) -> None:
        p = self.parameters
        bits = p.mac.slice_bits
        held = Signal(address_bits(p.slices_of_column), name="part", reset_less=True)
        comps, reads = Signal(name="comp_arrives"), Signal(name="readres_arrives")
        m.d.sync += [comps.eq(comp), reads.eq(readres), held.eq(part)]
        one, make = p.slices_of_column == 1, partial(BankMac, p.mac, self.parts)
        part_of_vector = Signal(bits)
        m.d.comb += part_of_vector.eq(vector if one else vector.word_select(held, bits))
        macs = []
        for bank in range(p.banks):
            column = self.columns.word_select(bank, p.column_bits)
            macs.append(place(m, f"bank_{bank}", self.parts, MAC_MODULE, make, {
                "comp": comps, "readres": reads, "operands": column if one else column.word_select(held, bits),
                "vector": part_of_vector,
            }))  # fmt: skip
        m.d.comb += [self.results.eq(Cat(mac.result for mac in macs)), self.result_valid.eq(macs[0].valid)]
