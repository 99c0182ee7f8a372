"""The timing table as counters: for each place of each command the clocks until it may issue there.

A place is held by the commands that the table names, each where it issued. Places that the same commands hold for the
same clocks share a counter, so a channel of 32 banks needs some twenty. A delay of one clock needs none: a channel
issues a command a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from rtl.pim.scheduler_parameters import ISSUED, Place, SchedulerParameters, name_of
from simulators.pim.commands import DOT

#: Clocks by the command that holds and its place.
Holds = frozenset[tuple[tuple[int, Place], int]]


def holds_of(p: SchedulerParameters, command: int, place: Place) -> Holds:
    """Return what holds a command at a place, by the table."""
    banks = set(range(*place))
    held: dict[tuple[int, Place], int] = {}
    for before, after, scope, clocks in p.delays:
        if after == command and clocks > 1:
            for at in p.places(before):
                if p.reached(scope, at) & banks:
                    held[before, at] = max(held.get((before, at), 0), clocks)
    return frozenset(held.items())


class Timers:
    """Counters that say when a command may issue; adds its logic to `m`.

    Parameters
    ----------
    m : Module
    p : SchedulerParameters
    """

    def __init__(self, m: Module, p: SchedulerParameters) -> None:
        self._m, self._p = m, p
        self._holds = {(c, place): holds_of(p, c, place) for c in ISSUED for place in p.places(c)}
        self._ready: dict[Holds, Signal] = {}
        self._counts: dict[Holds, Signal] = {}
        for (command, place), holds in self._holds.items():
            if holds and holds not in self._ready:
                longest = max(clocks for _, clocks in holds)
                name = f"{name_of(command)}_{place[0]}"
                self._counts[holds] = Signal(range(longest), name=f"until_{name}")
                self._ready[holds] = Signal(init=1, name=f"ready_{name}")
        self._dot_done = Signal(init=1)
        self._until_dot_done = Signal(range(p.step * (max(p.slices, p.fill_steps) + 1)))

    @property
    def counters(self) -> int:
        """How many there are."""
        return len(self._counts) + 1

    def ready(self, command: int, place: Place) -> Value:
        """Return whether a command may issue at a place."""
        holds = self._holds[command, place]
        table = self._ready[holds] if holds else Const(1, 1)
        return table & self._dot_done if command in self._p.held_by_dot else table

    def count(self, issues: Mapping[tuple[int, Place], Value], comps: Value) -> None:
        """Count down, and set what each issue of this clock holds; `comps` are those of a DOT."""
        for holds, counter in self._counts.items():
            self._set(counter, self._ready[holds], [(issues[key], clocks - 1) for key, clocks in sorted(holds)])
        p, done = self._p, self._until_dot_done
        (dot,) = (value for (command, _), value in issues.items() if command == DOT)
        steps = Mux(comps < p.fill_steps, p.fill_steps, comps) + 1
        following = Signal.like(done, name="dot_following")
        self._m.d.comb += following.eq(Mux(dot, p.step * steps - 1, Mux(done == 0, 0, done - 1)))
        self._m.d.sync += [done.eq(following), self._dot_done.eq(following == 0)]

    def _set(self, counter: Signal, ready: Signal, loads: Sequence[tuple[Value, int]]) -> None:
        """Take the greatest of what is left and what a command of this clock asks; compared before one is chosen."""
        less = Signal.like(counter, name=f"{counter.name}_less")
        self._m.d.comb += less.eq(Mux(ready, 0, counter - 1))
        load, longer = Const(0, len(counter)), Const(0, 1)
        for clocks in sorted({asked for _, asked in loads}):
            asks = Cat(*(issue for issue, asked in loads if asked == clocks)).any()
            asks_longer = asks & (less < clocks)
            load, longer = load | Mux(asks_longer, clocks, 0), longer | asks_longer
        self._m.d.sync += [counter.eq(Mux(longer, load, less)), ready.eq(~longer & (less == 0))]
