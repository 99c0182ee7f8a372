"""What the cost tables from synthesis say, against each other and against the published ones; for docs/validation.md.

    python -m benchmarks.synthesized_costs

Reads the shipped tables alone; `python -m rtl.synthesis.tables` makes them from a library.
"""

from __future__ import annotations

from pathlib import Path

import codesign.costs
from codesign.costs.logic import logic_of
from codesign.costs.synthesized_tables import Table, tables
from rtl.synthesis.cost_rows import GROUPS, CostRow, OperandStatistics
from simulators.machine_files import load_machine, override_machine
from workloads.activity import Activity

#: A machine of int8 ws PEs.
MACHINE = "small_npu_8x8"
ZEROS = (0.0, 0.5, 0.9)
DATA = Path(codesign.costs.__file__).parent / "data"


def uniform(zeros: float = 0.0) -> OperandStatistics:
    """Uniform bits, a share of the values set to zero: a bit toggles unless both values are zero."""
    return OperandStatistics(0.5 * (1 - zeros * zeros), 0.5, zeros, 0.0)


def pe_rows(table: Table) -> list[CostRow]:
    """Return the PEs of a table."""
    return [row for row in table.rows if row.kind == "pe"]


def print_pes(table: Table) -> None:
    """Print every PE: area, period, energy of uniform bits, ratios to int8, held-out error."""
    rows = pe_rows(table)
    base = next(row for row in rows if (row.activation, row.weight, row.dataflow) == ("int8", "int8", "ws"))
    print(f"\n{table.source}, {table.node_nm} nm, {table.supply_v:g} V\n")
    print("| PE | flip-flops | um2 | ns | fJ a cycle | area / int8 | energy / int8 | held-out error, mean (max) |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        shadow = ", shadow" if row.shadow else ""
        name = (
            f"{row.dataflow} {row.activation} x {row.weight} + {row.accumulator}, latency {row.latency_cycles}{shadow}"
        )
        energy = row.total_fj(uniform())
        ratios = f"{row.area_um2 / base.area_um2:.2f} | {energy / base.total_fj(uniform()):.2f}"
        error = f"{row.fit_error_mean:.1%} ({row.fit_error_max:.1%})"
        print(f"| {name} | {row.flip_flops} | {row.area_um2:.1f} | {row.period_ps / 1000:.2f} | {energy:.1f} "
              f"| {ratios} | {error} |")  # fmt: skip


def print_zeros(table: Table) -> None:
    """Print what zeros save in the int8 ws PE, by group."""
    row = next(row for row in pe_rows(table) if (row.activation, row.weight, row.dataflow) == ("int8", "int8", "ws"))
    print(f"\nint8 ws PE at {table.node_nm} nm, fJ a cycle\n")
    print("| activations | clock | operands | multiply-add | partial sums | all | against uniform |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for zeros in ZEROS:
        spent = [row.energy_fj(group, uniform(zeros)) for group in GROUPS]
        name = f"{zeros:.0%} zeros" if zeros else "uniform"
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in spent)} | {sum(spent):.1f} "
              f"| {sum(spent) / row.total_fj(uniform()):.2f} |")  # fmt: skip
    print(f"| none: clock only | {row.clock_fj:.1f} | | | | {row.clock_fj:.1f} "
          f"| {row.clock_fj / row.total_fj(uniform()):.2f} |")  # fmt: skip


def print_published(nodes: tuple[int, ...] = (7, 16, 45, 130)) -> None:
    """Print an int8 PE's energy a cycle and area, clock and registers included, by profile and node."""
    print(
        "\nint8 ws PE, registers and clock included, pJ a cycle of uniform bits and um2, at the node's nominal supply\n"
    )
    print("| node | horowitz_45nm | aladdin_40nm | synthesized | synthesized / Horowitz | its figures |")
    print("|--:|--:|--:|--:|--:|---|")
    for node in nodes:
        found = []
        for profile in ("horowitz_45nm", "aladdin_40nm", "synthesized"):
            changes = (f"technology.node_nm={node}", f"technology.arithmetic={profile}")
            found.append(_pe_of(changes))
        texts = [f"{energy:.4g} pJ, {area:.4g}" for energy, area, _ in found]
        ratio = f"{found[2][0] / found[0][0]:.1f} energy, {found[2][1] / found[0][1]:.2f} area"
        print(f"| {node} | {' | '.join(texts)} | {ratio} | {found[2][2]} |")


def print_carried(node: int = 45) -> None:
    """Print how far the two libraries are apart, and what each and both say of a node between them."""
    (low_fj, low_um2), (high_fj, high_um2) = [
        (row.total_fj(uniform()), row.area_um2)
        for row in (
            next(row for row in pe_rows(table) if (row.activation, row.weight, row.dataflow) == ("int8", "int8", "ws"))
            for table in sorted(tables("synthesized"), key=lambda table: table.node_nm)
        )
    ]
    print(f"\nint8 ws PE, SKY130 over ASAP7: energy x{high_fj / low_fj:.0f}, area x{high_um2 / low_um2:.0f}")
    files = {"ASAP7 alone": "synthesized_asap7.csv", "SKY130 alone": "synthesized_sky130hd.csv"}
    profiles = {name: str(DATA / file) for name, file in files.items()}
    for name, profile in (profiles | {"both": "synthesized"}).items():
        energy = _pe_of((f"technology.node_nm={node}", f"technology.arithmetic={profile}"))[0]
        print(f"carried to {node} nm, {name}: {energy:.2f} pJ")


def _pe_of(changes: tuple[str, ...]) -> tuple[float, float, str]:
    machine = override_machine(load_machine(MACHINE), changes)
    logic, pes = logic_of(machine), machine.array.rows * machine.array.cols
    moving = [figure for _, counter, figure in logic.array(Activity()) if counter in ("macs", "mac_slots")]
    area = sum(figure.value for component, _, figure in logic.area() if component == "array") / pes
    return sum(figure.value for figure in moving) + logic.pe_clock().value, area, moving[0].status


def main() -> None:
    """Print all tables as Markdown."""
    for table in tables("synthesized"):
        print_pes(table)
        print_zeros(table)
    print_published()
    print_carried()


if __name__ == "__main__":
    main()
