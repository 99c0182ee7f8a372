"""Are the tables what their sources say, and are unknown names and bad files told in one line?"""

from dataclasses import replace

import pytest

from simulators.dram.constraints import JEDEC
from simulators.dram.energy import command_energy, energy_of
from simulators.dram.ini_files import read_ini
from simulators.dram.run import run_dram
from simulators.dram.standards import (
    DDR4_2400,
    DDR4_3200,
    GDDR6,
    HBM2_2000,
    LPDDR4_2400,
    LPDDR5_6400,
    STANDARDS,
    standard_named,
)
from simulators.dram.state import Controller
from tests.simulators.dram.oracle import rows
from tests.simulators.dram.traffic import traffic
from workloads.errors import CodesignError

COLUMNS = {
    "DDR4_8Gb_x8_2400": DDR4_2400, "DDR4_8Gb_x8_3200": DDR4_3200, "HBM2_8Gb_x128": HBM2_2000,
    "LPDDR4_8Gb_x16_2400": LPDDR4_2400, "GDDR6_8Gb_x16": GDDR6,
}  # fmt: skip


def ini_of(column, folder):
    sections = {}
    for row in rows("dramsim3_parameters"):
        if row[column]:
            sections.setdefault(row["section"], []).append(f"{row['parameter']} = {row[column]}")
    path = folder / f"{column}.ini"
    path.write_text("\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections.items()))
    return path


@pytest.mark.parametrize("column", COLUMNS)
def test_tables_hold_the_parameters_of_dramsim3(column, tmp_path):
    read, ours = read_ini(ini_of(column, tmp_path)), COLUMNS[column]
    for name in ("clock_ns", "organization", "mapping", "channels", "row_and_column_bus", "currents"):
        assert getattr(read, name) == getattr(ours, name), name
    assert {name: read.timing[name] for name in ours.timing} == dict(ours.timing)
    assert [(w.count, read.clocks(w.span)) for w in read.windows] == [
        (w.count, ours.clocks(w.span)) for w in ours.windows
    ]


def test_hbm2_energy_per_command_is_the_published_one():
    each = command_energy(HBM2_2000)
    assert (each.activate_pj, each.read_pj, each.write_pj) == pytest.approx((828, 804, 1068), rel=2e-3)
    assert each.refresh_pj == pytest.approx(60_800, rel=2e-3)


def test_a_standard_without_currents_has_no_energy():
    assert energy_of(run_dram(LPDDR5_6400, traffic(1, 50, 32))) is None


@pytest.mark.parametrize("name", sorted(STANDARDS))
def test_every_timing_parameter_changes_some_run(name):
    standard = STANDARDS[name].with_ranks(2)
    size_bytes, dead = standard.organization.request_bytes, []
    runs = [(traffic(s, 3000, size_bytes, 1 << 16), Controller(row_policy=p)) for s, p in ((3, "open"), (10, "closed"))]

    def results(device):
        return [run_dram(device, r, channels=1, controller=c).counts["read_latency"] for r, c in runs]

    base = results(standard)
    for parameter in standard.timing:
        changed = replace(standard, timing=standard.timing | {parameter: 3 * standard.timing[parameter] + 40})
        between_groups = parameter.endswith("_S") and standard.organization.bankgroups == 1
        if results(changed) == base and not between_groups:
            dead.append(parameter)
    assert dead == []


def test_formulas_print_as_they_read():
    assert "RD to WR, same bank: AL + CL + BURST - AL - CWL + tRTRS" in [str(c) for c in JEDEC]
    assert "ACT to ACT, other banks of the group: tRRD_L" in [str(c) for c in JEDEC]


def test_unknown_names_get_the_nearest_one():
    with pytest.raises(CodesignError, match=r"'ddr4-320' is not a DRAM standard; .*did you mean 'ddr4-3200'"):
        standard_named("ddr4-320")
    assert standard_named("HBM2") is HBM2_2000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[timing]\ntCK = 1", "no \\[dram_structure\\]"),
        ("[dram_structure]\nprotocol = DDR9", "'DDR9' is not a protocol"),
        ("[dram_structure]\nprotocol = DDR4\nrows = many", "rows: 'many' is not a number"),
        ("[dram_structure]\nprotocol = DDR4\nrows = 1000", "rows 1000 is not a power of two"),
        ("[dram_structure]\nprotocol = DDR4\n[system]\nqueue_structure = PER_RANK", "only PER_BANK"),
        ("[dram_structure]\nprotocol = DDR4\n[system]\nrefresh_policy = BANK_LEVEL_STAGGERED", "refresh_policy"),
        ("no section", "no section headers"),
    ],
)
def test_bad_configurations_get_one_line(text, message, tmp_path):
    path = tmp_path / "bad.ini"
    path.write_text(text)
    with pytest.raises(CodesignError, match=message) as raised:
        read_ini(path)
    assert len(str(raised.value).splitlines()) == 1
