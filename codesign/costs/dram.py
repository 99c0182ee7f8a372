"""Energy of off-chip memory: by technology, device and interface together; or by command of a DRAM standard."""

from __future__ import annotations

from collections.abc import Iterator

from codesign.costs.figures import Figure
from codesign.costs.logic import Rows
from codesign.costs.scaling import SCALING_TABLE
from codesign.costs.tables import read_json
from simulators.dram.standard import Standard
from simulators.machine import Machine
from workloads.errors import unknown_name


def dram_technologies() -> list[str]:
    """Return the names that `dram_energy` knows."""
    return list(read_json(SCALING_TABLE)["dram_pj_per_bit"])


def dram_energy(technology: str, where: str = "memory.technology") -> Figure:
    """Return the energy of moving one bit to or from a memory, in pJ. It does not follow the logic's node.

    Raises
    ------
    CodesignError
        When the technology is in no table, naming the nearest.
    """
    table = read_json(SCALING_TABLE)["dram_pj_per_bit"]
    if technology not in table:
        raise unknown_name(where, "memory technology", technology, table)
    row = table[technology]
    return Figure(float(row["value"]), "pJ", None, f"{technology}: {row['source']}", row["status"])


def command_costs(standard: Standard) -> Iterator[tuple[str, str, str, Figure]]:
    """Yield (component, action, counter, pJ a count) of a DRAM standard, its supply currents carried to commands.

    Counters are those of `simulators.activity.MEMORY_COUNTERS`. Nothing for a standard whose IDD is not published.
    """
    from simulators.dram.energy import command_energy

    each = command_energy(standard)
    if each is None:
        return
    device = f"IDD of {standard.source}"
    for component, action, counter, value in (
        ("dram_activate", "activate and precharge", "dram_activates", each.activate_pj),
        ("dram_read", "column read", "dram_reads", each.read_pj),
        ("dram_write", "column write", "dram_writes", each.write_pj),
        ("dram_refresh", "refresh of a rank", "dram_refreshes", each.refresh_pj),
        ("dram_background", "clock of a rank with an open bank", "dram_active_clocks", each.active_clock_pj),
        ("dram_background", "clock of a rank with none", "dram_idle_clocks", each.precharged_clock_pj),
    ):
        yield component, action, counter, Figure(value, "pJ", None, device, "published", "TN-40-07: V x mA x clocks")
    bits = 8 * standard.organization.request_bytes
    for kind in ("read", "write"):
        io = Figure(standard.io_pj_per_bit * bits, "pJ", None, standard.io_source, "assumed", f"x {bits} bits")
        yield "dram_io", f"interface of a column {kind}", f"dram_{kind}s", io


def dram_part(component: str, machine: Machine) -> Rows:
    """Commands of the DRAM standard behind the DMA, those of one component."""
    if machine.memory.model == "dram":
        for part, action, counter, figure in command_costs(dram_standard(machine)):
            if part == component:
                yield action, counter, figure


def has_command_costs(machine: Machine) -> bool:
    """Return whether a machine has a cycle-level DRAM whose commands have a price."""
    return machine.memory.model == "dram" and dram_standard(machine).currents is not None


def dram_standard(machine: Machine) -> Standard:
    """Return the standard of the cycle-level DRAM behind a machine's DMA."""
    from simulators.dram.standards import standard_named

    return standard_named(machine.memory.standard)


def dram_note(machine: Machine, by_command: bool) -> list[str]:
    """Return a line on what the energy of a cycle-level DRAM holds; none for other memories."""
    if machine.memory.model != "dram":
        return []
    standard, technology = dram_standard(machine), machine.memory.technology
    if by_command:
        io = (
            f"interface {standard.io_pj_per_bit:.2f} pJ/bit ({standard.io_source})"
            if standard.io_pj_per_bit
            else "drivers and termination of the interface are not in IDD and not counted"
        )
        return [f"DRAM energy: by command, from the IDD of {standard.name}; {io}"]
    why = f"no IDD is published for {standard.name}" if standard.currents is None else "no command was simulated"
    return [f"DRAM energy by command: not available ({why}); the total has {technology}'s energy per byte instead"]
