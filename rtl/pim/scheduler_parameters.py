"""What a channel's scheduler takes from a device: its organization, the clocks of its timing table, its estimates."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.pim.commands import (
    ACT,
    ALL_BANKS,
    COMMANDS,
    COMP,
    DOT,
    G_ACT,
    GROUP,
    GWRITE,
    HEADER,
    ONE_BANK,
    ONE_GROUP,
    ONE_RANK,
    PIM_PRE,
    PRE,
    RANK,
    READRES,
    REF,
    SAME,
)
from simulators.pim.device import C, PimDevice, compile_device
from workloads.errors import CodesignError

#: What a list of commands holds; the scheduler adds the others.
LISTED = (GWRITE, HEADER, COMP, READRES, DOT)
ISSUED = (*LISTED, ACT, PRE, G_ACT, PIM_PRE, REF)
#: The bank whose row GWRITE takes.
VECTOR_BANK = 0
Place = tuple[int, int]


@dataclass(frozen=True)
class SchedulerParameters:
    """A channel as its scheduler knows it; PIM commands and refresh, no reads and writes beside them.

    Attributes
    ----------
    ranks, groups, banks_of_group : int
    dual, vector_in_bank : bool
        Two row buffers a bank; GWRITE takes a row of bank 0, not of the bus.
    spans : tuple of int
        Banks that each command takes (`simulators.pim.commands.SPANS`).
    rows, slices, readres : int
        Of a bank; greatest COMPs and READRES of a listed command.
    interval : int
        Clocks from one refresh of a rank to the next of another; 0: none.
    delays : tuple of (before, after, scope, clocks)
        The timing table between the commands issued here.
    held_by_dot : tuple of int
        Commands that wait for the end of a DOT.
    gwrite_clocks, step, fill_steps
        Of a GWRITE, from COMP to COMP, least steps of a DOT.
    open_clocks, close_clocks, settle_clocks, activate_clocks, first_clocks, readres_clocks
        The controller's estimates: to open the vector's row; of a closing command; beside it, once; from a tile's G_ACT
        to the next of its rank; to its first COMP; from READRES to READRES.
    """

    ranks: int
    groups: int
    banks_of_group: int
    dual: bool
    vector_in_bank: bool
    spans: tuple[int, ...]
    rows: int
    slices: int
    readres: int
    interval: int
    delays: tuple[tuple[int, int, int, int], ...]
    held_by_dot: tuple[int, ...]
    gwrite_clocks: int
    step: int
    fill_steps: int
    open_clocks: int
    close_clocks: int
    settle_clocks: int
    activate_clocks: int
    first_clocks: int
    readres_clocks: int

    @property
    def of_rank(self) -> int:
        """Banks of a rank."""
        return self.groups * self.banks_of_group

    @property
    def banks(self) -> int:
        """Banks of the channel."""
        return self.ranks * self.of_rank

    def places(self, command: int) -> list[Place]:
        """Return where a command may issue: the first bank that takes it and the one behind the last."""
        only_vector = self.dual or self.span(PIM_PRE) > 1  # all that PRE closes
        if command in (ACT, GWRITE) or (command == PRE and only_vector):
            return [(VECTOR_BANK, VECTOR_BANK + 1)]
        span = self.span(command)
        return [(begin, begin + span) for begin in range(0, self.banks, span)]

    def span(self, command: int) -> int:
        """Return how many banks take a command."""
        size = {ONE_BANK: 1, ONE_GROUP: self.banks_of_group, ONE_RANK: self.of_rank, ALL_BANKS: self.banks}
        return size[self.spans[command]]

    def place_of(self, command: int, bank: int) -> Place:
        """Return the place of a command that takes a bank."""
        begin = bank // self.span(command) * self.span(command)
        return begin, begin + self.span(command)

    def reached(self, scope: int, place: Place) -> set[int]:
        """Return the banks that a delay in `scope` holds after a command at `place`."""
        begin, end = place
        group, rank = begin // self.banks_of_group, begin // self.of_rank
        others = {bank for bank in range(self.banks) if not begin <= bank < end}
        chosen = {
            SAME: set(range(begin, end)),
            GROUP: {bank for bank in others if bank // self.banks_of_group == group},
            RANK: {b for b in others if b // self.of_rank == rank and b // self.banks_of_group != group},
        }
        return chosen.get(scope, {bank for bank in others if bank // self.of_rank != rank})


def scheduler_parameters(device: PimDevice) -> SchedulerParameters:
    """Return the parameters of a device's channel scheduler.

    Raises
    ------
    CodesignError
        When an organization is no power of two.
    """
    o = device.standard.organization
    for name in ("ranks", "bankgroups", "banks", "rows"):
        if getattr(o, name) & (getattr(o, name) - 1):
            raise CodesignError(f"device {device.name}: {getattr(o, name)} {name} is no power of two")
    cfg = compile_device(device)[0]
    value = lambda name: int(cfg[C[name]])  # noqa: E731
    delays: dict[tuple[int, int, int], int] = {}
    for rule in device.constraints:
        if rule.before in ISSUED and rule.after in ISSUED:
            key = (rule.before, rule.after, rule.scope)
            delays[key] = max(delays.get(key, 0), device.standard.clocks(rule.delay))
    slices = device.page_operands // device.lanes
    return SchedulerParameters(
        o.ranks, o.bankgroups, o.banks, device.row_buffers == 2, device.vector_in_bank, device.spans, o.rows,
        slices, slices, value("refresh_clocks"),
        tuple((*key, clocks) for key, clocks in sorted(delays.items())),
        device.held_by_dot,
        value("gwrite_clocks"), value("step_clocks"), value("fill_steps"), value("open_estimate"),
        value("precharge_estimate"), value("close_estimate"), value("activate_clocks"), value("trcd_clocks"),
        value("readres_clocks"),
    )  # fmt: skip


def name_of(command: int) -> str:
    """Return a command's name, as part of a signal's."""
    return COMMANDS[command].lower()
