"""Energy of a DRAM run, by command: counts times energy per command, from IDD currents.

ACT carries its PRE: VDD (IDD0 tRC - IDD3N tRAS - IDD2N tRP); RD, WR, REF what they draw above active standby;
background is standby, active while any bank of the rank is open (Micron TN-40-07, as DRAMsim3 applies it). Energy of
the I/O drivers is not in IDD: a figure in pJ per bit adds it when the caller has one.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulators.dram.run import DramRun
from simulators.dram.standard import Standard

PARTS = ("activate", "read", "write", "refresh", "active_standby", "precharge_standby", "io")


@dataclass(frozen=True)
class CommandEnergy:
    """Energy of one command in all devices of a rank (pJ), and of a clock of standby of one rank (pJ)."""

    activate_pj: float
    read_pj: float
    write_pj: float
    refresh_pj: float
    active_clock_pj: float
    precharged_clock_pj: float


@dataclass(frozen=True)
class DramEnergy:
    """Energy of a run in pJ, by part (`PARTS`)."""

    parts_pj: dict[str, float]

    @property
    def total_pj(self) -> float:
        """Energy of all parts."""
        return sum(self.parts_pj[name] for name in PARTS)


def command_energy(standard: Standard) -> CommandEnergy | None:
    """Return the energy of each command, None for a standard without IDD."""
    i, t = standard.currents, standard.timing
    if i is None:
        return None
    scale = i.vdd * standard.clock_ns * standard.organization.devices
    return CommandEnergy(
        scale * (i.idd0 * (t["tRAS"] + t["tRP"]) - i.idd3n * t["tRAS"] - i.idd2n * t["tRP"]),
        scale * (i.idd4r - i.idd3n) * t["BURST"],
        scale * (i.idd4w - i.idd3n) * t["BURST"],
        scale * (i.idd5ab - i.idd3n) * t["tRFC"],
        scale * i.idd3n,
        scale * i.idd2n,
    )


def energy_of(run: DramRun, io_pj_per_bit: float = 0.0) -> DramEnergy | None:
    """Return a run's energy, None for a standard without IDD.

    Parameters
    ----------
    io_pj_per_bit : float
        Energy of drivers and termination for each bit moved, which IDD leaves out.
    """
    each, n = command_energy(run.standard), run.counts
    if each is None:
        return None
    o = run.standard.organization
    reads, writes = (n[name] + n[name + "A"] for name in ("RD", "WR"))
    active = n["active_rank_clocks"]
    idle = run.cycles * run.channels * o.ranks - active
    return DramEnergy(
        {
            "activate": n["ACT"] * each.activate_pj,
            "read": reads * each.read_pj,
            "write": writes * each.write_pj,
            "refresh": n["REF"] * each.refresh_pj,
            "active_standby": active * each.active_clock_pj,
            "precharge_standby": idle * each.precharged_clock_pj,
            "io": (reads + writes) * o.request_bytes * 8 * io_pj_per_bit,
        }
    )
