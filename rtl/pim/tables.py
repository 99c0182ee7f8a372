"""Cost tables of PIM from synthesis: the bank MAC and a channel's scheduler on one library.

    python -m rtl.pim.tables --library FOLDER_OF_LIB_FILES --out codesign/costs/data/pim_asap7.csv

writes the table that the project ships for a library (some CPU-minutes). Every component's gates are run against its
RTL (Verilator) before they are measured; one bit that differs stops the program. An energy is what toggles of the
mapped gates cost by the library's tables: without glitches, wires and the clock tree.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from rtl.emission import Parts, verilog_of
from rtl.pim.bank_mac import MAC_MODULE, BankMac
from rtl.pim.cost_rows import PimCostRow, write_pim_rows
from rtl.pim.parameters import mac_parameters
from rtl.pim.scheduler import Scheduler
from rtl.pim.scheduler_parameters import scheduler_parameters
from rtl.pim.stimuli import (
    LEAD,
    RESET,
    idle_mac_stimulus,
    idle_scheduler_stimulus,
    mac_stimulus,
    scheduler_stimulus,
)
from rtl.synthesis.energy import EnergyModel
from rtl.synthesis.gate_level import Gates
from rtl.synthesis.liberty import Library, load_library
from rtl.synthesis.liberty_files import liberty_files
from rtl.synthesis.streams import Statistics
from simulators.pim.bank_mac import MAC_FORMS
from simulators.pim.device import PimDevice
from simulators.pim.devices import NAIVE, NEUPIMS, NEWTON
from workloads.errors import CodesignError

#: Device whose bank MACs the shipped tables hold, in every format; devices whose schedulers they hold.
MAC_DEVICE = NEUPIMS
SCHEDULER_DEVICES = (NEUPIMS, NAIVE, NEWTON)
UNIFORM, NORMAL = Statistics(), Statistics(0.25)
#: COMPs of the DOTs measured (K.q of a head of 128, S.V of a page), and how many of each.
SHORT, LONG = (8, 24), (32, 7)
_IDLE, _BUSY, _SEED = 64, 2400, 1
SCHEDULER_MODULE = "codesign_pim_scheduler"


def characterize_mac(
    form: str, library: Library, device: PimDevice = MAC_DEVICE, *, check: bool = False, node_nm: int | None = None
) -> PimCostRow:
    """Return the row of a bank MAC in a format; the device's lanes and clocks, operands of the format's width.

    A COMP's energy is from DOTs of 32 and of 8 COMPs, each beyond the idle clock: their difference is 24 COMPs; what
    is left of the shorter one is the READRES.

    Raises
    ------
    CodesignError
        When gates and RTL differ, or the library's node is not known.
    """
    p = mac_parameters(replace(device, operand_bytes=MAC_FORMS[form].operand_bits // 8), form)
    step = device.comp_clocks
    parts = Parts()
    gates = Gates.of(verilog_of(BankMac(p, parts), MAC_MODULE, parts), MAC_MODULE, library)
    model = gates.energy_model(lambda name: "operands" if name else "multiply_add")
    clock = _mean(gates, model, idle_mac_stimulus(p, _IDLE), LEAD)

    def dot(comps: int, dots: int, statistics: Statistics) -> float:
        inputs = mac_stimulus(p, step, comps, dots, statistics, _SEED)
        if check and statistics is UNIFORM and comps == SHORT[0]:
            gates.must_equal_rtl(inputs)
        return (_mean(gates, model, inputs, LEAD) - clock) * step * (comps + 1)

    energies = {}
    for name, statistics in (("uniform", UNIFORM), ("normal", NORMAL)):
        short, long = dot(*SHORT, statistics), dot(*LONG, statistics)
        comp = (long - short) / (LONG[0] - SHORT[0])
        energies[name] = comp, max(0.0, short - SHORT[0] * comp)
    return PimCostRow(
        **gates.figures(node_nm), kind="bank_mac", name=form, size=p.lanes, latency_clocks=p.latency, step_clocks=step,
        clock_fj=clock, comp_uniform_fj=energies["uniform"][0], comp_normal_fj=energies["normal"][0],
        readres_fj=energies["uniform"][1], command_fj=0.0,
    )  # fmt: skip


def characterize_scheduler(
    device: PimDevice, library: Library, *, check: bool = False, node_nm: int | None = None
) -> PimCostRow:
    """Return the row of a device's channel scheduler."""
    p = scheduler_parameters(device)
    gates = Gates.of(verilog_of(Scheduler(p), SCHEDULER_MODULE), SCHEDULER_MODULE, library)
    model = gates.energy_model(lambda name: "operands" if name else "multiply_add")
    idle = _mean(gates, model, idle_scheduler_stimulus(device, _BUSY), RESET)
    inputs, rate = scheduler_stimulus(device, _BUSY, _SEED)
    if check:
        gates.must_equal_rtl(inputs)
    busy = _mean(gates, model, inputs, RESET)
    return PimCostRow(
        **gates.figures(node_nm), kind="scheduler", name=device.name, size=p.banks, latency_clocks=0, step_clocks=0,
        clock_fj=idle, comp_uniform_fj=0.0, comp_normal_fj=0.0, readres_fj=0.0, command_fj=(busy - idle) / rate,
    )  # fmt: skip


def _mean(gates: Gates, model: EnergyModel, inputs: dict[str, np.ndarray], counted: int) -> float:
    """Return the energy of a clock, fJ."""
    return model.per_cycle(gates.run(inputs, counted)).total_fj


def table_rows(library: Library, *, check: bool = False, node_nm: int | None = None) -> Iterator[PimCostRow]:
    """Yield the rows of the shipped tables."""
    for form in MAC_FORMS:
        yield characterize_mac(form, library, check=check, node_nm=node_nm)
    for device in SCHEDULER_DEVICES:
        yield characterize_scheduler(device, library, check=check, node_nm=node_nm)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a table; a row a line on stderr as it is made."""
    parser = argparse.ArgumentParser(prog="python -m rtl.pim.tables", description=__doc__)
    parser.add_argument("--library", action="append", required=True, help="Liberty file or folder; may be repeated")
    parser.add_argument("--node-nm", type=int, help="node of a library that is not known by name")
    parser.add_argument("--out", required=True, help="CSV to write")
    parser.add_argument("--no-check", action="store_true", help="do not compare gates and RTL")
    given = parser.parse_args(arguments)
    try:
        library = load_library(liberty_files(given.library))
        rows = []
        for row in table_rows(library, check=not given.no_check, node_nm=given.node_nm):
            figures = f"{row.area_um2:.1f} um2, {row.period_ps:.0f} ps, clock {row.clock_fj:.1f} fJ"
            spent = f"COMP {row.comp_uniform_fj:.1f}, command {row.command_fj:.1f} fJ"
            print(f"{row.kind} {row.name}: {figures}, {spent}", file=sys.stderr)
            rows.append(row)
        write_pim_rows(rows, given.out)
    except CodesignError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
