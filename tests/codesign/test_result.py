"""Are the keys of a result stable, its sums sound, and its bytes equal from run to run?"""

import csv
import io
import json

import pytest

import codesign as cd
from codesign.costs.actions import COMPONENTS as ENERGY_COMPONENTS
from codesign.costs.area import COMPONENTS as AREA_COMPONENTS
from codesign.layers import COLUMNS, DETAILS

MACHINE = "small_npu_8x8"
KEYS = [
    "network", "machine", "fidelity", "weights", "activity", "batch", "cycles", "latency_s", "throughput_per_s", "macs",
    "utilization", "tops", "peak_tops", "tops_per_w", "power_w", "dram_bytes", "energy_pj", "area_um2",
    "energy_pj_by_status", "area_um2_by_status", "bottlenecks", "notes", "sources", "layers", "provenance",
]  # fmt: skip
LAYER_KEYS = [
    "name", "operator", "where", "shape", "repeat", "macs", "weight_density", "cycles", "compute_cycles",
    "stall_cycles", "busy", "utilization", "dram_read_bytes", "dram_write_bytes", "dram_bytes", "energy_pj",
    "bottleneck", "bound_by", "bound_share", "note", "cycle_classes", "energy_by_component_pj", "counters",
    "activity",
]  # fmt: skip


@pytest.fixture(scope="module")
def result() -> cd.Result:
    return cd.run("digits", MACHINE)


def test_the_keys_of_the_json_are_stable(result):
    data = json.loads(result.to_json())
    assert list(data) == KEYS
    assert {tuple(row) for row in data["layers"]} == {tuple(LAYER_KEYS)}
    assert [*COLUMNS, *DETAILS] == LAYER_KEYS
    assert list(data["energy_pj"]) == [*ENERGY_COMPONENTS, "total"]
    assert list(data["area_um2"]) == [*AREA_COMPONENTS, "total"]
    assert list(data["provenance"]) == [
        "codesign", "python", "numpy", "network_file_sha256", "trace_sha256", "machine_sha256", "seed", "wall_s",
    ]  # fmt: skip


def test_two_runs_are_byte_equal_up_to_provenance(result):
    texts = [text.split('\n "provenance"')[0] for text in (result.to_json(), cd.run("digits", MACHINE).to_json())]
    assert texts[0] == texts[1]
    assert result.to_csv() == cd.run("digits", MACHINE).to_csv()


def test_the_whole_is_the_sum_of_its_layers(result):
    assert result.cycles == sum(row["cycles"] for row in result.layers)
    assert result.macs == sum(row["macs"] for row in result.layers) == 17088
    assert result.dram_bytes == sum(row["dram_bytes"] for row in result.layers) > 0
    assert result.energy_pj["total"] == pytest.approx(sum(row["energy_pj"] for row in result.layers))
    assert sum(result.bottlenecks.values()) == result.cycles
    for parts in (result.energy_pj, result.area_um2):
        assert parts["total"] == pytest.approx(sum(value for name, value in parts.items() if name != "total"))
    assert sum(result.energy_pj_by_status.values()) == pytest.approx(result.energy_pj["total"])
    assert sum(result.area_um2_by_status.values()) == pytest.approx(result.area_um2["total"])


def test_every_cycle_of_a_layer_has_one_class(result):
    for row in result.layers:
        assert row["compute_cycles"] + row["stall_cycles"] == row["cycles"]
        assert all(cycles >= 0 for cycles in row["cycle_classes"].values())
        if row["cycles"]:
            assert sum(row["cycle_classes"].values()) == row["cycles"]
            assert 0 < row["bound_share"] <= 1


def test_rates_follow_from_cycles(result):
    machine = cd.load_machine(MACHINE)
    assert result.latency_s == result.cycles / machine.clock_hz
    assert result.throughput_per_s == pytest.approx(1 / result.latency_s)
    assert result.peak_tops == 2 * 64 * machine.clock_hz / 1e12
    assert result.tops == pytest.approx(result.utilization * result.peak_tops)
    assert result.tops_per_w == pytest.approx(result.tops / result.power_w)


def test_every_source_says_where_and_how_firm(result):
    assert {row["kind"] for row in result.sources} == {"energy", "area"}
    for row in result.sources:
        assert row["source"]
        assert row["status"] in ("synthesized", "published", "scaled", "assumed")


def test_layers_by_position_name_slice_and_frame(result):
    first = result.layers[0]
    assert result.layers[first["name"]] is first
    assert len(result.layers[1:3]) == 2
    assert [row["name"] for row in result.layers] == list(result.layers.to_pandas()["name"])
    assert list(result.layers.to_pandas().columns) == list(COLUMNS)
    with pytest.raises(cd.CodesignError) as fault:
        result.layers["stem.conf"]
    assert str(fault.value) == "layers: there is no layer 'stem.conf' (did you mean 'stem.conv'?)"


def test_pandas_is_asked_for_in_one_line(result, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(cd.CodesignError) as fault:
        result.layers.to_pandas()
    assert str(fault.value) == 'layers.to_pandas: pandas is not installed; pip install "codesign[pandas]"'


def test_csv_has_a_line_a_layer_and_the_total(result):
    rows = list(csv.DictReader(io.StringIO(result.to_csv())))
    assert [row["name"] for row in rows] == [*(row["name"] for row in result.layers), "total"]
    assert int(rows[-1]["cycles"]) == result.cycles
    assert float(rows[-1]["area_um2.total"]) == result.area_um2["total"]
    assert float(rows[0]["energy_pj.array"]) == result.layers[0]["energy_by_component_pj"]["array"]
    assert None not in rows[0]


def test_objects_give_what_names_give(result):
    machine = cd.load_machine(MACHINE)
    again = cd.run(cd.load_network("digits"), machine)
    assert again.to_dict()["layers"] == result.to_dict()["layers"]
    assert cd.run("digits", machine, set=["array.rows=4"]).cycles > result.cycles
    assert cd.run("digits", MACHINE, mapping=result.mapping).cycles == result.cycles


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fidelity": "exactly"}, "fidelity: 'exactly' is none of exact, cycle, fast (did you mean 'exact'?)"),
        ({"objective": "area"}, "objective: 'area' is none of cycles, energy"),
        ({"formats": "kep"}, "formats: 'kep' is none of retype, keep (did you mean 'keep'?)"),
        ({"inputs": {"image": [[[[0] * 8] * 8]]}, "random_weights": 1},
         "inputs: there is nothing to measure on them (weights are random (seed 1)); only fidelity exact takes them"),
        ({"fidelity": "exact", "inputs": {"imag": 0}},
         "inputs: the network reads no 'imag'; it reads image (did you mean 'image'?)"),
    ],
)  # fmt: skip
def test_a_bad_argument(given, message):
    with pytest.raises(cd.CodesignError) as fault:
        cd.run("digits", MACHINE, **given)
    assert str(fault.value) == message


def test_a_result_at_a_prompt_is_one_line():
    r = cd.run("digits", "small_npu_8x8")
    assert repr(r).startswith(f"<Result: digits on small_npu_8x8, {r.cycles:,} cycles, ")
    assert "\n" not in repr(r)
