"""Is every reported figure explained, with a line of the source that is really its own?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import codesign as cd
from codesign.cli import _outcome
from codesign.explain import TERMS, explain
from simulators.activity import COUNTERS, MEMORY_COUNTERS
from workloads.errors import CodesignError

ROOT = Path(__file__).parents[2]
#: Labels and lists that say for themselves what they are.
SELF_EXPLAINING = {
    "network", "machine", "fidelity", "weights", "batch", "notes", "sources", "energy_pj_by_status",
    "area_um2_by_status", "name", "operator", "where", "shape", "repeat", "bottleneck", "note", "counters",
    "energy_by_component_pj",
}  # fmt: skip


def test_every_figure_of_a_result_is_explained():
    from codesign.result import KEYS, LAYER_KEYS

    figures = {*KEYS, *LAYER_KEYS} - SELF_EXPLAINING - {"layers", "provenance"}
    assert {name for name in figures if name not in TERMS and name not in COUNTERS} == set()


@pytest.mark.parametrize("name", [*TERMS, *COUNTERS, *MEMORY_COUNTERS])
def test_the_source_line_exists(name):
    text = explain(name)
    module, line = re.search(r"source   (\S+):(\d+)", text).groups()
    assert (ROOT / module).read_text().splitlines()[int(line) - 1].strip()


@pytest.mark.parametrize("name", [*COUNTERS, *MEMORY_COUNTERS])
def test_a_counter_is_told_in_other_words_than_its_name(name):
    meaning = explain(name).splitlines()[0].partition(": ")[2]
    assert set(re.findall(r"[a-z]+", meaning)) - set(name.split("_")) - {"of", "by", "the"}


def test_the_formula_of_utilization_holds():
    r = cd.run("digits", "small_npu_8x8")
    array = r.simulation.machine.array
    assert "macs / (cycles x cores x rows x cols)" in explain("utilization")
    assert r.utilization == pytest.approx(r.macs / (r.cycles * array.rows * array.cols))


def test_a_typo_names_the_nearest():
    with pytest.raises(CodesignError, match=r"did you mean 'utilization'\?"):
        explain("utilisation")


def test_without_a_name_every_figure_has_a_line(capsys):
    assert _outcome(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {*TERMS, *COUNTERS, *MEMORY_COUNTERS}
    assert all(len(line.split()) > 1 for line in lines)
