"""Does the fit find known coefficients, keep them at zero or more, and does a table keep what was written into it?"""

from __future__ import annotations

import numpy as np
import pytest

from rtl.synthesis.cost_rows import COLUMNS, TERMS, CostRow, OperandStatistics, read_rows, write_rows
from rtl.synthesis.energy_fit import Sample, fit
from rtl.synthesis.tables import _merged
from workloads.errors import CodesignError

KNOWN = {
    "operands_stream_fj": 10.0,
    "multiply_add_both_fj": 60.0,
    "multiply_add_live_fj": 85.0,
    "partial_sums_moving_fj": 12.0,
}
ROW = CostRow(
    "pe", "", 60.5, 58, 1500.0, 48.25, 81.5, "some_library TT", 7, 0.7, "synth -flatten -booth", "yosys 0.70",
    "int8", "int8", "int32", "ws", 1, 1, KNOWN, 0.025, 0.08,
)  # fmt: skip


def statistics(count: int) -> list[OperandStatistics]:
    rng = np.random.default_rng(3)
    return [OperandStatistics(*rng.uniform([0, 0, 0, 0], [0.5, 0.5, 1, 1])) for _ in range(count)]


def samples(extra: float = 0.0) -> list[Sample]:
    found = []
    for drawn in statistics(60):
        energy = {group: ROW.energy_fj(group, drawn) for group in ("operands", "multiply_add", "partial_sums")}
        energy["operands"] -= extra * drawn.other
        found.append(Sample(drawn, {"clock": 81.5, **energy}))
    return found


def test_known_coefficients_are_found():
    found = fit(samples())
    for name, value in KNOWN.items():
        assert found[name] == pytest.approx(value, rel=0.02), name
    assert sum(value for name, value in found.items() if name not in KNOWN) < 0.5


def test_no_coefficient_is_negative_even_where_that_would_fit_better():
    assert min(fit(samples(extra=5.0)).values()) >= 0


def test_energy_never_falls_with_toggles_nor_rises_with_zeros():
    for before in statistics(200):
        for after in (
            OperandStatistics(min(before.stream + 0.1, 1), before.other, before.stream_zeros, before.other_zeros),
            OperandStatistics(before.stream, min(before.other + 0.1, 1), before.stream_zeros, before.other_zeros),
            OperandStatistics(before.stream, before.other, before.stream_zeros * 0.5, before.other_zeros),
            OperandStatistics(before.stream, before.other, before.stream_zeros, before.other_zeros * 0.5),
        ):
            for name, term in TERMS.items():
                assert term(after) >= term(before) >= 0, name


def test_a_table_is_read_as_it_was_written(tmp_path):
    register = CostRow("register", "bit", 0.42, 1, 142.2, 0.33, 1.41, "some_library TT", 7, 0.7, "synth", "yosys 0.70")
    write_rows([ROW, register], tmp_path / "costs.csv")
    text = (tmp_path / "costs.csv").read_text()
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert read_rows(text, "costs.csv") == [ROW, register]


def test_rows_of_one_kind_are_replaced_where_they_stand(tmp_path):
    def row(kind: str, area: float) -> CostRow:
        return CostRow(kind, "bit", area, 1, 142.2, 0.33, 1.41, "some_library TT", 7, 0.7, "synth", "yosys 0.70")

    path = tmp_path / "costs.csv"
    write_rows([row("register", 1.0), row("lane", 2.0), row("lane", 3.0), ROW], path)
    assert _merged([row("lane", 4.0)], str(path)) == [row("register", 1.0), row("lane", 4.0), ROW]


def test_a_table_of_before_blocks_had_a_size_is_read(tmp_path):
    path = tmp_path / "costs.csv"
    write_rows([ROW], path)
    older = "\n".join(line.rsplit(",", 1)[0] for line in path.read_text().splitlines())
    assert read_rows(older, "costs.csv") == [ROW]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("\npe,", "\npea,"), "costs.csv:2: 'pea' is not a kind of component; use adder, block, lane, pe or register "
         "(did you mean 'pe'?)"),
        ((",60.5,", ",sixty,"), "costs.csv:2: area_um2 = 'sixty': use a number of 0 or more"),
        ((",60.5,", ",-60.5,"), "costs.csv:2: area_um2 = '-60.5': use a number of 0 or more"),
        ((",60.5,", ",nan,"), "costs.csv:2: area_um2 = 'nan': use a number of 0 or more"),
        (("area_um2", "area"), "costs.csv: no column 'area_um2'; a cost table is what `codesign synth --out` writes"),
    ],
)  # fmt: skip
def test_a_damaged_table_is_refused_in_one_line(change, message, tmp_path):
    write_rows([ROW], tmp_path / "costs.csv")
    with pytest.raises(CodesignError) as error:
        read_rows((tmp_path / "costs.csv").read_text().replace(*change), "costs.csv")
    assert str(error.value) == message
