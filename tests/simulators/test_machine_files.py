"""Machines: presets, files, overrides, round trips, hashes, and the schema made from the description."""

from __future__ import annotations

import importlib.resources
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulators.machine import Machine
from simulators.machine_checks import VECTOR_FUNCTIONS
from simulators.machine_files import load_machine, machine_hash, machine_names, override_machine, save_machine
from simulators.machine_presets import preset_text
from simulators.machine_schema import leaf_at, leaf_fields, machine_json_schema
from workloads.errors import CodesignError

PRESETS = [
    "edge_npu",
    "eyeriss",
    "gemmini_16x16",
    "neupims",
    "nvdla_large",
    "scalesim_32x32_is",
    "scalesim_32x32_os",
    "scalesim_32x32_ws",
    "small_npu_8x8",
    "tpu_v1",
]


def test_presets_are_listed():
    assert machine_names() == PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_loads_under_its_own_name_and_says_where_it_comes_from(name):
    machine = load_machine(name)
    assert machine.name == name
    assert machine.description
    assert machine.source
    assert machine.vector is None or set(machine.vector.functions) == set(VECTOR_FUNCTIONS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_saved_machine_is_the_machine(name, tmp_path):
    machine = load_machine(name)
    save_machine(machine, tmp_path / "m.yaml")
    again = load_machine(str(tmp_path / "m.yaml"))
    assert again == machine
    assert machine_hash(again) == machine_hash(machine)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.yaml"]


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=80),
    st.text(st.characters(codec="utf-8"), max_size=200),
    st.floats(0, 5, exclude_min=True),
)
def test_any_text_and_number_survives_saving(tmp_path_factory, name, description, supply_v):
    small = load_machine("small_npu_8x8")
    technology = small.technology.model_copy(update={"supply_v": supply_v})
    machine = small.model_copy(update={"name": name, "description": description, "technology": technology})
    path = tmp_path_factory.mktemp("saved") / "m.yaml"
    save_machine(machine, path)
    assert load_machine(str(path)) == machine


def test_saving_where_nothing_can_be_written_is_one_clear_line(tmp_path):
    with pytest.raises(CodesignError) as error:
        save_machine(load_machine("tpu_v1"), tmp_path / "no" / "m.yaml")
    assert str(error.value) == f"{tmp_path / 'no' / 'm.yaml'}: no such file or directory"


def test_published_figures_of_the_tpu():
    tpu = load_machine("tpu_v1")
    assert 2 * tpu.array.rows * tpu.array.cols * tpu.clock_hz == pytest.approx(92e12, rel=0.01)
    assert tpu.memory.bytes_per_cycle * tpu.memory.clock_hz == 34 * 10**9
    assert tpu.memory_clock_ratio.as_integer_ratio() == (85, 56)
    assert tpu.weight_buffer.size_bytes == 4 * tpu.array.rows * tpu.array.cols


def test_published_figures_of_the_other_chips():
    edge, nvdla = load_machine("edge_npu"), load_machine("nvdla_large")
    buffers = (edge.scratchpad, edge.weight_buffer, edge.accumulator, edge.parameter_buffer)
    assert sum(buffer.size_bytes for buffer in buffers) == 1 << 20
    assert edge.array.rows * edge.array.cols == nvdla.array.rows * nvdla.array.cols == 2048
    assert nvdla.scratchpad.size_bytes + nvdla.weight_buffer.size_bytes == 512 << 10


def test_overrides_change_fields_in_order():
    machine = load_machine(
        "small_npu_8x8",
        ["array.rows=16", "array.rows = 32", "memory.clock_hz=1_000_000_000", "technology.supply_v=0.9", "name='64'"],
    )
    assert (machine.array.rows, machine.memory.clock_hz, machine.technology.supply_v) == (32, 10**9, 0.9)
    assert machine.name == "64"
    assert machine.memory_clock_ratio == 2
    assert load_machine("small_npu_8x8", ["vector=null"]).vector is None
    assert load_machine("small_npu_8x8", ["memory.clock_hz=null"]) == load_machine("small_npu_8x8")


def test_overriding_a_machine_is_overriding_its_file():
    overrides = ["array.cols=16", "vector.functions.gelu.passes=9"]
    assert override_machine(load_machine("small_npu_8x8"), overrides) == load_machine("small_npu_8x8", overrides)


def test_an_override_mends_a_fault_of_the_file(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("extends: tpu_v1\narray: {rows: 0}\n")
    assert load_machine(str(path), ["array.rows=128"]).array.rows == 128


def test_a_file_extends_a_preset(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("extends: tpu_v1\nname: mine\narray:\n  rows: 128\nvector:\n  functions: {gelu: {passes: 9}}\n")
    machine, base = load_machine(str(path)), load_machine("tpu_v1")
    assert (machine.name, machine.array.rows, machine.array.cols) == ("mine", 128, 256)
    assert machine.vector.functions["gelu"].passes == 9
    assert machine.vector.functions["relu"] == base.vector.functions["relu"]
    assert machine.memory == base.memory


def test_every_path_of_a_file_reads_alike(tmp_path):
    text = (importlib.resources.files("simulators") / "presets" / "scalesim_32x32_ws.yaml").read_text()
    for name, content in {"a.yaml": text.encode(), "b.yml": b"\xef\xbb\xbf" + text.encode()}.items():
        (tmp_path / name).write_bytes(content)
        assert load_machine(str(tmp_path / name)) == load_machine("scalesim_32x32_ws")


def test_the_hash_is_of_the_values_alone(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("# a comment\nextends: tpu_v1\narray: {rows: 0x100}\n")
    assert machine_hash(load_machine(str(path))) == machine_hash(load_machine("tpu_v1"))
    hashes = {machine_hash(load_machine(name)) for name in PRESETS}
    assert len(hashes) == len(PRESETS)
    assert machine_hash(load_machine("tpu_v1", ["queues.load=17"])) not in hashes
    assert all(len(text) == 64 for text in hashes)


def test_a_machine_built_in_python_is_checked_too():
    values = load_machine("small_npu_8x8").model_dump()
    values["array"]["dataflow"] = "is"
    values["vector"]["lanes"] = 9
    with pytest.raises(ValidationError, match=r"array\.convolution: .*im2col; vector\.lanes: 9 is more than the 8"):
        Machine.model_validate(values)


def test_the_fields_are_those_of_the_description():
    names = [leaf.name for leaf in leaf_fields()]
    assert len(names) == len(set(names)) > 50
    values = load_machine("neupims").model_dump()  # every section is there
    values["vector"]["functions"] = {"*": values["vector"]["functions"]["relu"]}

    def flat(section, prefix=""):
        for name, value in section.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}"

    assert names == list(flat(values))
    assert [leaf.name for leaf in leaf_fields() if leaf.informational] == ["name", "description", "source"]
    assert all(leaf.description for leaf in leaf_fields())
    rows = leaf_at(("array", "rows"))
    assert (rows.kind, rows.minimum, rows.maximum, rows.required, rows.optional) == ("integer", 1, 1024, True, False)
    assert leaf_at(("array", "dataflow")).choices == ("ws", "os", "is", "rs")
    assert leaf_at(("vector", "functions", "gelu", "passes")).default == 1
    assert leaf_at(("array",)) is None


def test_the_schema_describes_every_field_and_reads_as_json():
    schema = json.loads(json.dumps(machine_json_schema()))
    sections = schema["$defs"]
    assert sections["Machine"]["required"]
    assert "required" not in sections["PartialArray"]
    assert sections["PartialMachine"]["properties"]["extends"]["enum"] == PRESETS
    assert sections["PartialMachine"]["properties"]["array"]["$ref"] == "#/$defs/PartialArray"
    for section in sections.values():
        assert section["additionalProperties"] is False
        assert all(field.get("description") for field in section["properties"].values())


def test_a_preset_copied_out_of_the_package_still_loads(tmp_path):
    copy = tmp_path / "mine.yaml"
    copy.write_text(preset_text("tpu_v1"), encoding="utf-8")
    assert load_machine(str(copy)) == load_machine("tpu_v1")
