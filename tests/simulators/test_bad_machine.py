"""What a bad machine file, preset name or override says: each case a class of fault, with its exact message.

In a case's text a leading ``+`` stands for a first line that extends a sound machine. In a message `FILE` stands
for the path, and a word of `NAMES` for a long list.
"""

# ruff: noqa: E501  (the tables hold exact messages)
from __future__ import annotations

import time

import pytest

from simulators.machine_files import load_machine, machine_names
from workloads.errors import CodesignError

NAMES = {
    "FIELDS_OF_A_MACHINE": "name, description, source, clock_hz, cores, technology, array, scratchpad, weight_buffer, accumulator, parameter_buffer, vector, dma, queues, memory, pim",
    "FIELDS_OF_AN_ARRAY": "rows, cols, dataflow, style, shadow_weights, fold_overlap, os_drain, convolution, pe, row_stationary",
    "VECTOR_FUNCTIONS": "add, average_pool, clip, depthwise, div, gelu, hardswish, layer_norm, leaky_relu, lrn, max_pool, mul, reduce, relu, requantize, resize, rms_norm, rotary, scale_shift, sigmoid, silu, softmax, sub or tanh",
    "PRESETS": "edge_npu, eyeriss, gemmini_16x16, neupims, nvdla_large, scalesim_32x32_is, scalesim_32x32_os, scalesim_32x32_ws, small_npu_8x8 or tpu_v1",
    "MEMORIES": "DDR3, DDR4, DDR5, GDDR5, GDDR6, HBM2_accelergy, HBM2_hwcomponents, HBM2_jouppi, HBM3_hwcomponents, HBM4_hwcomponents, HMC, LPDDR(1/2), LPDDR4 or LPDDR5",
}

# Texts that cannot be read as one mapping of plain values.
UNREADABLE = {
    "empty": ("", "FILE: the file is empty; a machine is a mapping of fields"),
    "comment_only": ("# nothing\n", "FILE: the file is empty; a machine is a mapping of fields"),
    "list_at_top": ("- array\n", "FILE:1: the file holds a list; a machine is a mapping of fields"),
    "scalar_at_top": ("tpu\n", "FILE:1: the file holds a single value; a machine is a mapping of fields"),
    "two_documents": (
        "+array: {rows: 8}\n---\nname: b\n",
        "FILE:3: a second document starts; one file holds one machine",
    ),
    "binary": (b"\x7fELF\x02\x01\x00\x00", "FILE: a binary file, not YAML text"),
    "not_utf8": (b"name: ok\ndescription: caf\xe9\n", "FILE:2: byte 0xe9 is not UTF-8 text"),
    "utf16": ("name: x\n".encode("utf-16"), "FILE: a binary file, not YAML text"),
    "control_character": ("+name: a\x07b\n", "FILE:2: character 0x7 is not allowed in YAML"),
    "tab": ("+array:\n\trows: 8\n", "FILE:3: a tab cannot indent; use spaces"),
    "truncated_bracket": ("+array: {rows: 8,\n", "FILE:3: the file ends too early: a bracket or a quote is still open"),
    "truncated_quote": ("+name: 'half a na\n", "FILE:3: the file ends too early: a bracket or a quote is still open"),
    "stray_indent": (
        "+array:\n  rows: 8\n    cols: 8\n",
        "FILE:4: not valid YAML: mapping values are not allowed here",
    ),
    "colon_in_value": ("+array: rows: 8\n", "FILE:2: not valid YAML: mapping values are not allowed here"),
    "bad_character": ("+name: @tpu\n", "FILE:2: not valid YAML: found character '@' that cannot start any token"),
    "alias_bomb": (
        "+a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        "FILE:3: aliases are not allowed; write the value itself",
    ),
    "alias": (
        "+array: {rows: &n 8, cols: *n}\n",
        "FILE:2: array.cols: aliases are not allowed; write the value itself",
    ),
    "merge_key": ("+array:\n  <<: {rows: 8}\n", "FILE:3: array.<< is not a field; array has FIELDS_OF_AN_ARRAY"),
    "deep_nesting": ("+array: " + "{a: " * 100, "FILE:2: more than 16 levels of nesting; a machine has four"),
    "deep_list": ("+array: " + "[" * 100_000, "FILE:2: more than 16 levels of nesting; a machine has four"),
    "many_values": ("a: 1\n" * 20_000, "FILE:4999: more than 10000 values; a machine has about a hundred"),
    "python_tag": (
        "+name: !!python/object/apply:os.system ['true']\n",
        "FILE:2: name: the tag '!!python/object/apply:os.system' is not allowed; write the plain value",
    ),
    "own_tag": (
        "+array: {rows: !eight 8}\n",
        "FILE:2: array.rows: the tag '!eight' is not allowed; write the plain value",
    ),
    "key_no_name": ("+[a, b]: 1\n", "FILE:2: a key must be a plain name"),
    "null_key": ("+: 1\n", "FILE:2: '' is not a field; a machine has FIELDS_OF_A_MACHINE"),
    "yaml_version": (
        "%YAML 3.0\n---\nname: x\n",
        "FILE:1: not valid YAML: found incompatible YAML document (version 1.* is required)",
    ),
    "too_large": ("#" * ((1 << 20) + 1), "FILE: larger than 1048576 bytes; a machine file has a few thousand"),
    "huge_text": ("+name: " + "x" * 1_000_000, "FILE:2: name: 1000000 characters; use text of 1 to 80 characters"),
}

# Fields that are wrong by themselves.
FIELDS = {
    "unknown_enum": (
        "+array:\n  dataflow: wss\n",
        "FILE:3: array.dataflow: 'wss' is not a dataflow; use is, os, rs or ws (did you mean 'ws'?)",
    ),
    "enum_of_wrong_type": ("+array: {dataflow: 3}\n", "FILE:2: array.dataflow: 3 is not text; use ws, os, is, rs"),
    "unknown_key": ("+array:\n  rowz: 8\n", "FILE:3: array.rowz is not a field (did you mean 'array.rows'?)"),
    "unknown_key_elsewhere": ("+rows: 8\n", "FILE:2: rows is not a field (did you mean 'array.rows'?)"),
    "unknown_key_far": ("+array: {zzzzzz: 1}\n", "FILE:2: array.zzzzzz is not a field; array has FIELDS_OF_AN_ARRAY"),
    "unknown_key_top": ("+zzzzzzz: 1\n", "FILE:2: zzzzzzz is not a field; a machine has FIELDS_OF_A_MACHINE"),
    "long_key": (
        "+" + "k" * 300 + ": 1\n",
        "FILE:2: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk... is not a field; a machine has FIELDS_OF_A_MACHINE",
    ),
    "escape_key": ('+"\\e[31mrows": 1\n', "FILE:2: \\x1b[31mrows is not a field; a machine has FIELDS_OF_A_MACHINE"),
    "key_twice": ("+array: {rows: 8, rows: 16}\n", "FILE:2: array.rows: given twice (first in line 2)"),
    "section_twice": ("+array: {rows: 8}\narray: {rows: 16}\n", "FILE:3: array: given twice (first in line 2)"),
    "float_for_int": (
        "+array: {rows: 64.0}\n",
        "FILE:2: array.rows: 64.0 is not a whole number from 1 to 1024; write 64",
    ),
    "fraction_for_int": ("+array: {rows: 6.5}\n", "FILE:2: array.rows: 6.5 is not a whole number from 1 to 1024"),
    "exponent_for_int": (
        "+clock_hz: 1e9\n",
        "FILE:2: clock_hz: 1000000000.0 is not a whole number from 1 to 1000000000000; write 1000000000",
    ),
    "quoted": (
        "+array: {rows: '64'}\n",
        "FILE:2: array.rows: '64' is not a whole number from 1 to 1024; write it without quotes",
    ),
    "text_for_int": ("+array: {rows: eight}\n", "FILE:2: array.rows: 'eight' is not a whole number from 1 to 1024"),
    "boolean_for_int": ("+array: {rows: true}\n", "FILE:2: array.rows: true is not a whole number from 1 to 1024"),
    "null_for_int": ("+array: {rows: }\n", "FILE:2: array.rows: null is not a whole number from 1 to 1024"),
    "list_for_int": ("+array: {rows: [8]}\n", "FILE:2: array.rows: a list is not a whole number from 1 to 1024"),
    "section_for_int": (
        "+array: {rows: {n: 8}}\n",
        "FILE:2: array.rows: a section is not a whole number from 1 to 1024",
    ),
    "zero": ("+array: {rows: 0}\n", "FILE:2: array.rows: 0 is not a whole number from 1 to 1024"),
    "negative": ("+array: {cols: -8}\n", "FILE:2: array.cols: -8 is not a whole number from 1 to 1024"),
    "too_big": ("+array: {rows: 1_000_000}\n", "FILE:2: array.rows: 1000000 is not a whole number from 1 to 1024"),
    "huge_integer": ("+clock_hz: " + "9" * 5000 + "\n", "FILE:2: clock_hz: a number of 5000 characters is too long"),
    "integer_out_of_range": (
        "+clock_hz: " + "9" * 39 + "\n",
        "FILE:2: clock_hz: 999999999999999999999999999999999999999 is not a whole number from 1 to 1000000000000",
    ),
    "nan": ("+technology: {supply_v: .nan}\n", "FILE:2: technology.supply_v: '.nan' is not a finite number"),
    "infinity": ("+technology: {supply_v: -.inf}\n", "FILE:2: technology.supply_v: '-.inf' is not a finite number"),
    "overflow": ("+technology: {supply_v: 1e999}\n", "FILE:2: technology.supply_v: '1e999' is not a finite number"),
    "zero_volts": (
        "+technology: {supply_v: 0}\n",
        "FILE:2: technology.supply_v: 0 is not a number above 0 and at most 5",
    ),
    "text_for_number": (
        "+technology: {supply_v: '0.9'}\n",
        "FILE:2: technology.supply_v: '0.9' is not a number above 0 and at most 5; write it without quotes",
    ),
    "boolean_of_yaml_1_1": (
        "+array: {shadow_weights: yes}\n",
        "FILE:2: array.shadow_weights: 'yes' is not true or false; write true",
    ),
    "number_for_text": ("+name: 64\n", "FILE:2: name: 64 is not text of 1 to 80 characters; write it in quotes"),
    "empty_name": ("+name: ''\n", "FILE:2: name: 0 characters; use text of 1 to 80 characters"),
    "long_description": (
        "+description: " + "x" * 3000 + "\n",
        "FILE:2: description: 3000 characters; use text of at most 2000 characters",
    ),
    "section_is_value": ("+array: 8x8\n", "FILE:2: array: '8x8' is not a section; use a mapping of FIELDS_OF_AN_ARRAY"),
    "section_is_null": (
        "+dma: null\n",
        "FILE:2: dma: null is not a section; use a mapping of bus_bytes, burst_bytes, outstanding",
    ),
    "section_is_list": ("+array: []\n", "FILE:2: array: a list is not a section; use a mapping of FIELDS_OF_AN_ARRAY"),
    "functions_list": (
        "+vector: {functions: [gelu]}\n",
        "FILE:2: vector.functions: a list is not a section; use a mapping of function names",
    ),
    "function_value": (
        "+vector: {functions: {gelu: 3}}\n",
        "FILE:2: vector.functions.gelu: 3 is not a section; use a mapping of latency_cycles, passes",
    ),
    "unknown_function": (
        "+vector: {functions: {geluu: {passes: 3}}}\n",
        "FILE:2: vector.functions.geluu: 'geluu' is not a vector function; use VECTOR_FUNCTIONS (did you mean 'gelu'?)",
    ),
    "function_field": (
        "+vector: {functions: {gelu: {pases: 3}}}\n",
        "FILE:2: vector.functions.gelu.pases is not a field (did you mean 'vector.functions.gelu.passes'?)",
    ),
    "extends_unknown": (
        "extends: tpu_v2\n",
        "FILE:1: extends: 'tpu_v2' is not a preset; use PRESETS (did you mean 'tpu_v1'?)",
    ),
    "extends_path": ("extends: ../../etc/passwd\n", "FILE:1: extends: '../../etc/passwd' is not a preset; use PRESETS"),
    "unknown_format": (
        "+array: {pe: {activation: int88}}\n",
        "FILE:2: array.pe.activation: 'int88' is not a format; use intN or uintN (N 1 to 64), bf16, fp16, fp32, fp64, fp8_e4m3, fp8_e5m2 (did you mean 'int8'?)",
    ),
}

# Fields that do not go together, or do not hold what the array needs at once.
CONFLICTS = {
    "narrow_accumulator": (
        "+array: {pe: {accumulator: int16}}\n",
        "FILE:2: array.pe.accumulator: int16 cannot hold the sum of 8 products of int8 and int8 (-130048 to 131072)",
    ),
    "unsigned_accumulator": (
        "+array: {pe: {accumulator: uint32}}\n",
        "FILE:2: array.pe.accumulator: uint32 cannot hold the sum of 8 products of int8 and int8 (-130048 to 131072)",
    ),
    "float_accumulator_of_integers": (
        "+array: {pe: {accumulator: fp32}}\n",
        "FILE:2: array.pe.accumulator: fp32 cannot sum products of int8 and int8; use an integer format",
    ),
    "integer_accumulator_of_floats": (
        "+array: {pe: {activation: bf16}}\n",
        "FILE:2: array.pe.accumulator: int32 cannot sum products of bf16 and int8; use a floating-point format",
    ),
    "float_accumulator_too_narrow": (
        "+array: {pe: {activation: fp32, accumulator: fp16}}\n",
        "FILE:2: array.pe.accumulator: fp16 is narrower than the operands fp32 and int8; use 32 bits or more",
    ),
    "input_stationary_without_im2col": (
        "+array: {dataflow: is}\n",
        "FILE:2: array.convolution: dataflow 'is' gathers its stationary operand pixel by pixel; use im2col",
    ),
    "burst_no_power_of_two": ("+dma: {burst_bytes: 96}\n", "FILE:2: dma.burst_bytes: 96 is not a power of two"),
    "burst_of_broken_beats": (
        "+dma: {bus_bytes: 24}\n",
        "FILE:2: dma.burst_bytes: 64 is not a multiple of dma.bus_bytes (24)",
    ),
    "more_lanes_than_columns": (
        "+vector: {lanes: 16}\n",
        "FILE:2: vector.lanes: 16 is more than the 8 sums of an accumulator word (array.cols)",
    ),
    "clock_ratio_too_fine": (
        "+clock_hz: 999_999_999_989\nmemory: {clock_hz: 999_999_999_961}\n",
        "FILE:3: memory.clock_hz: 999999999961 to clock_hz (999999999989) is a ratio with terms of 2^31 and more; round one of the clocks",
    ),
    "unknown_arithmetic_profile": (
        "+technology: {arithmetic: horowitz}\n",
        "FILE:2: technology.arithmetic: 'horowitz' is not a profile of arithmetic; use aladdin_40nm, horowitz_45nm or synthesized (did you mean 'horowitz_45nm'?)",
    ),
    "unknown_scaling_law": (
        "+technology: {scaling: moore}\n",
        "FILE:2: technology.scaling: 'moore' is not a scaling law; use jouppi_2021 or stillmaker_baas_2017",
    ),
    "unknown_memory_technology": (
        "+memory: {technology: LPDDR6}\n",
        "FILE:2: memory.technology: 'LPDDR6' is not a memory technology; use MEMORIES (did you mean 'LPDDR5'?)",
    ),
    "uneven_banks": ("+scratchpad: {banks: 3}\n", "FILE:2: scratchpad.banks: 3 banks do not share 16384 bytes evenly"),
    "scratchpad_below_a_row": (
        "+scratchpad: {size_bytes: 15}\n",
        "FILE:2: scratchpad.size_bytes: 15 bytes do not hold a row of operands of 8 bytes in each half; use at least 16",
    ),
    "weight_buffer_below_a_tile": (
        "+weight_buffer: {size_bytes: 64}\n",
        "FILE:2: weight_buffer.size_bytes: 64 bytes do not hold a stationary tile of 64 bytes in each half; use at least 128",
    ),
    "accumulator_below_a_row": (
        "+accumulator: {size_bytes: 31, double_buffered: false}\n",
        "FILE:2: accumulator.size_bytes: 31 bytes do not hold a row of sums of 32 bytes; use at least 32",
    ),
    "accumulator_below_a_tile_of_sums": (
        "+array: {dataflow: os}\naccumulator: {size_bytes: 256}\n",
        "FILE:3: accumulator.size_bytes: 256 bytes do not hold a tile of sums of 256 bytes in each half; use at least 512",
    ),
    "scratchpad_below_a_tile": (
        "+array: {dataflow: is, convolution: im2col}\nscratchpad: {size_bytes: 64}\n",
        "FILE:3: scratchpad.size_bytes: 64 bytes do not hold a stationary tile of 64 bytes in each half; use at least 128",
    ),
    "parameter_buffer_below_the_columns": (
        "+parameter_buffer: {size_bytes: 96}\n",
        "FILE:2: parameter_buffer.size_bytes: 96 bytes do not hold 12 bytes a column of the array in each half; use at least 192",
    ),
}

# Overrides of small_npu_8x8; `SET` in the message stands for the override.
OVERRIDES = {
    "array.rowz=64": "SET: array.rowz is not a field (did you mean 'array.rows'?)",
    "rows=64": "SET: rows is not a field (did you mean 'array.rows'?)",
    "arry.rows=64": "SET: arry.rows is not a field (did you mean 'array.rows'?)",
    "array.rows": "SET: an override reads FIELD=VALUE, as in array.rows=64",
    "=64": "SET: an override reads FIELD=VALUE, as in array.rows=64",
    "array..rows=64": "SET: an override reads FIELD=VALUE, as in array.rows=64",
    "array=8x8": "SET: array is a section; set its fields one by one",
    "array=null": "SET: array: null is not a section; use a mapping of FIELDS_OF_AN_ARRAY",
    "array.rows=64.0": "SET: array.rows: 64.0 is not a whole number from 1 to 1024; write 64",
    "array.rows='64'": "SET: array.rows: '64' is not a whole number from 1 to 1024; write it without quotes",
    "array.rows={a: 1}": "SET: array.rows: '{a: 1}' is not a whole number from 1 to 1024",
    "array.rows.x=1": "SET: array.rows.x is not a field (did you mean 'array.rows'?)",
    "array.rows=5000": "SET: array.rows: 5000 is not a whole number from 1 to 1024",
    "memory.clock_hz=2e9": "SET: memory.clock_hz: 2000000000.0 is not a whole number from 1 to 1000000000000; write 2000000000",
    "technology.supply_v=.inf": "SET: technology.supply_v: '.inf' is not a finite number",
    "array.dataflow=is": "SET: array.convolution: dataflow 'is' gathers its stationary operand pixel by pixel; use im2col",
    "vector.functions.geluu.passes=3": "SET: vector.functions.geluu: 'geluu' is not a vector function; use VECTOR_FUNCTIONS (did you mean 'gelu'?)",
    "extends=tpu_v1": "SET: extends is not a field; a machine has FIELDS_OF_A_MACHINE",
}

# What `--machine` names.
SPECS = {
    "tpu_v2": "--machine tpu_v2: no such preset; use PRESETS, or the path of a .yaml file (did you mean 'tpu_v1'?)",
    "": "--machine '': no such preset; use PRESETS, or the path of a .yaml file",
    "nope.yaml": "nope.yaml: no such file or directory",
    "/": "/: is a folder, not a machine file",
    "no/such/machine": "no/such/machine: no such file or directory",
    "a\x00b.yaml": "--machine 'a\\x00b.yaml': no path can hold these characters",
    "/dev/zero": "/dev/zero: is not a regular file",
}


def refusal(spec, overrides=()):
    """Return the error of a machine that must be refused, and in time."""
    start = time.process_time()
    with pytest.raises(CodesignError) as error:
        load_machine(spec, overrides)
    assert time.process_time() - start < 2
    return str(error.value)


def named(message):
    for name, text in NAMES.items():
        message = message.replace(name, text)
    return message


def refusal_of_text(tmp_path, text):
    path = tmp_path / "m.yaml"
    if isinstance(text, str):
        text = ("extends: small_npu_8x8\n" + text[1:] if text.startswith("+") else text).encode()
    path.write_bytes(text)
    return refusal(str(path)).replace(str(path), "FILE")


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_text_that_cannot_be_read(case, tmp_path):
    text, message = UNREADABLE[case]
    assert refusal_of_text(tmp_path, text) == named(message)


@pytest.mark.parametrize("case", FIELDS)
def test_a_field_that_is_wrong_by_itself(case, tmp_path):
    text, message = FIELDS[case]
    assert refusal_of_text(tmp_path, text) == named(message)


@pytest.mark.parametrize("case", CONFLICTS)
def test_fields_that_do_not_go_together(case, tmp_path):
    text, message = CONFLICTS[case]
    assert refusal_of_text(tmp_path, text) == named(message)


@pytest.mark.parametrize("override", OVERRIDES)
def test_an_override_that_is_wrong(override):
    message = named(OVERRIDES[override].replace("SET", f"--set {override}", 1))
    assert refusal("small_npu_8x8", [override]) == message


@pytest.mark.parametrize("spec", SPECS)
def test_a_name_that_is_no_machine(spec):
    assert refusal(spec) == SPECS[spec].replace("PRESETS", ", ".join(machine_names()))


def test_missing_fields_and_sections_are_all_named(tmp_path):
    assert refusal_of_text(tmp_path, "name: x\nclock_hz: 1\narray: {}\nvector: {lanes: 8}\n").splitlines() == [
        "FILE: technology is missing (a section of node_nm, supply_v, arithmetic, scaling, sram_cell, sram_area_factor, sram_energy_factor)",
        "FILE: scratchpad is missing (a section of size_bytes, banks, double_buffered, latency_cycles)",
        "FILE: weight_buffer is missing (a section of size_bytes, banks, double_buffered, latency_cycles)",
        "FILE: accumulator is missing (a section of size_bytes, banks, double_buffered, latency_cycles)",
        "FILE: parameter_buffer is missing (a section of size_bytes, banks, double_buffered, latency_cycles)",
        "FILE: dma is missing (a section of bus_bytes, burst_bytes, outstanding)",
        "FILE:3: array.rows is missing (a whole number from 1 to 1024)",
        "FILE:3: array.cols is missing (a whole number from 1 to 1024)",
        "FILE:4: vector.functions is missing (a section of function names)",
    ]


def test_all_faults_of_a_file_and_its_overrides_come_in_one_report_in_order(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(
        "extends: small_npu_8x8\n"
        "array:\n"
        "  rows: 64.0\n"
        "  dataflow: wss\n"
        "clock_hz: -1\n"
        "vector: {lanes: 16, functions: {geluu: {}}}\n"
        "queues: {lod: 3}\n"
        "dma: {burst_bytes: 96}\n"
    )
    report = refusal(str(path), ["array.colz=3", "array.cols=0"]).replace(str(path), "FILE")
    assert report.splitlines() == [
        "FILE:3: array.rows: 64.0 is not a whole number from 1 to 1024; write 64",
        "FILE:4: array.dataflow: 'wss' is not a dataflow; use is, os, rs or ws (did you mean 'ws'?)",
        "FILE:5: clock_hz: -1 is not a whole number from 1 to 1000000000000",
        named(
            "FILE:6: vector.functions.geluu: 'geluu' is not a vector function; use VECTOR_FUNCTIONS (did you mean 'gelu'?)"
        ),
        "FILE:7: queues.lod is not a field (did you mean 'queues.load'?)",
        "FILE:8: dma.burst_bytes: 96 is not a power of two",
        "--set array.colz=3: array.colz is not a field (did you mean 'array.cols'?)",
        "--set array.cols=0: array.cols: 0 is not a whole number from 1 to 1024",
    ]


def test_a_report_has_an_end(tmp_path):
    report = refusal_of_text(tmp_path, "+" + "".join(f"field{i}: 1\n" for i in range(4000))).splitlines()
    assert len(report) == 101
    assert report[-1] == "FILE: and more faults than 100"


def test_a_conflict_is_laid_to_what_made_it(tmp_path):
    assert refusal_of_text(tmp_path, "+array: {cols: 4}\n").startswith(
        "FILE:2: vector.lanes: 8 is more than the 4 sums"
    )


def test_a_link_to_a_machine_is_followed_and_a_folder_is_not(tmp_path):
    (tmp_path / "real.yaml").write_text("extends: tpu_v1\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "real.yaml")
    assert load_machine(str(tmp_path / "link.yaml")) == load_machine("tpu_v1")
    assert refusal(str(tmp_path)) == f"{tmp_path}: is a folder, not a machine file"
