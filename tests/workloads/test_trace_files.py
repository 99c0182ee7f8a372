"""Does a trace come back equal, and does every damaged file get one clear line?"""

from __future__ import annotations

import json
import random
import zipfile

import numpy as np
import pytest

from benchmarks.fuzz import fuzz
from tests.workloads.onnx_models import model, node, value, write
from workloads.errors import CodesignError
from workloads.importers.onnx import import_onnx
from workloads.load import load_network
from workloads.trace import Trace, Window
from workloads.trace_files import VERSION, load_trace, save_trace
from workloads.tracing import trace_network


@pytest.fixture
def trace(tmp_path):
    """A quantized trace with weights, bias and multipliers."""
    random = np.random.default_rng(0)
    made = model(
        [node("QLinearConv", "x xs xz w ws wz ys yz b", "y")], [value("x", (1, 3, 6, 6), 3)], [value("y", None, 3)],
        xs=np.float32(0.1), xz=np.int8(1), w=random.integers(-9, 9, (4, 3, 3, 3)).astype(np.int8),
        ws=random.random(4).astype(np.float32) + 0.1, wz=np.zeros(4, np.int8), ys=np.float32(0.5), yz=np.int8(-3),
        b=random.integers(-9, 9, 4).astype(np.int32),
    )  # fmt: skip
    return trace_network(import_onnx(write(tmp_path, made)))


def assert_equal(one: Trace, other: Trace) -> None:
    """Check that two traces are equal in every layer, name, type and byte."""
    assert one.arrays.keys() == other.arrays.keys()
    for key, array in one.arrays.items():
        assert array.dtype == other.arrays[key].dtype
        np.testing.assert_array_equal(array, other.arrays[key])
    first, second = ({**vars(trace), "arrays": None} for trace in (one, other))
    assert first == second


def test_a_quantized_trace_comes_back_equal(tmp_path, trace):
    save_trace(tmp_path / "t.npz", trace)
    assert_equal(load_trace(tmp_path / "t.npz"), trace)
    assert len(trace.arrays) == 3


@pytest.mark.parametrize("name", ["onnx:shufflenet", "onnx:densenet121"])
def test_a_built_in_network_comes_back_equal(tmp_path, name):
    trace = trace_network(load_network(name))
    save_trace(tmp_path / "t.npz", trace)
    assert_equal(load_trace(tmp_path / "t.npz"), trace)


def test_equal_traces_are_byte_equal_files(tmp_path, trace):
    save_trace(tmp_path / "a.npz", trace)
    save_trace(tmp_path / "b.npz", load_trace(tmp_path / "a.npz"))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz", "model.onnx"]


def _changed(tmp_path, trace, change):
    """Save a trace, change its header, return the path."""
    save_trace(tmp_path / "good.npz", trace)
    path = tmp_path / "bad.npz"
    with zipfile.ZipFile(tmp_path / "good.npz") as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "trace.json":
                header = json.loads(content)
                change(header)
                content = json.dumps(header).encode()
            target.writestr(name, content)
    return path


def _set(*keys, to):
    def change(header):
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = to

    return change


HUGE = dict.fromkeys(Window.__dataclass_fields__, 1) | {"in_h": 1 << 40, "in_w": 1 << 40}


@pytest.mark.parametrize(("change", "message"), [
    (_set("version", to=VERSION + 1), "written by a newer version of codesign (trace version 4, here 3)"),
    (_set("version", to=1), "written by an older version of codesign (trace version 1, here 3); make it again"),
    (_set("version", to="new"), "version 'new' of a trace is not known; use 3"),
    (_set("format", to="other"), "not a trace (trace.json describes something else)"),
    (_set("layers", to=3), "field 'layers' or 'shapes' is missing or mistyped"),
    (_set("layers", 0, to=3), "layer 0: is no layer"),
    (_set("layers", 0, "macs", to="many"), "layer 0: field 'macs' = 'many' is mistyped"),
    (_set("layers", 0, "fused", to=[1]), "layer 0: field 'fused' = '[1]' is mistyped"),
    (_set("layers", 0, "speed", to=1), "layer 0: field 'speed' is not known"),
    (_set("layers", 0, "engine", to="gpu"), "layer 0: engine 'gpu' is not known; use matrix, vector, move, view"),
    (_set("layers", 0, "window", "in_h", to=0), "layer 0: window: in_h = 0: use an integer from 1 to 1099511627776"),
    (_set("layers", 0, "window", "in_h", to=1.5), "layer 0: window: field 'in_h' = '1.5' is mistyped"),
    (_set("layers", 0, "window", to=None), "layer 0: window: is missing or mistyped"),
    (_set("layers", 0, "activity", to=None), "layer 0: activity: is missing or mistyped"),
    (_set("layers", 0, "activity", "weight_zeros", to=1.5),
     "layer 0: activity: weight_zeros = 1.5: use a share from 0 to 1"),
    (_set("layers", 0, "activity", "weight_zeros", to=float("nan")),
     "layer 0: activity: weight_zeros = nan: use a share from 0 to 1"),
    (_set("layers", 0, "activity", "weight_source", to="guessed"),
     "layer 0: activity: weight_source 'guessed' is not known; use measured or default"),
    (_set("layers", 0, "weights", to="none"), "layer 0: array 'none' is not in the file"),
    (_set("layers", 0, "window", "groups", to=2), "layer 0: window: groups = 2 do not divide in_c = 3"),
    (_set("layers", 0, "window", "stride_h", to=1 << 30),
     "layer 0: window: stride_h = 1073741824: use an integer from 1 to 1048576"),
    (_set("layers", 0, "window", "out_h", to=1 << 40), "layer 0: macs = 1728: the window has 474989023199232"),
    (_set("layers", 0, "window", "in_c", to=1 << 50),
     "layer 0: window: in_c = 1125899906842624: use an integer from 1 to 1099511627776"),
    (_set("layers", 0, "window", to=HUGE), "layer 0: window: 1208925819614629174706176 elements or operations; "
     "at most 72057594037927936"),
    (_set("layers", 0, "macs", to=7), "layer 0: macs = 7: the window has 1728"),
    (_set("layers", 0, "repeat", to=0), "layer 0: repeat = 0: use an integer from 1 to 72057594037927936"),
    (_set("layers", 0, "zero_weights", to=10**9), "layer 0: zero_weights = 1000000000 of weight_count = 108"),
    (_set("layers", 0, "input_format", to="int9000"),
     "layer 0: input_format: 'int9000' is not a format; use intN or uintN (N 1 to 64), bf16, fp16, fp32, fp64, "
     "fp8_e4m3, fp8_e5m2"),
    (_set("layers", 0, "quantization", "output_zero_point", to=1 << 40),
     "layer 0: quantization: output_zero_point = 1099511627776: use a number of 32 bits"),
    (_set("layers", 0, "quantization", "low", to=200), "layer 0: quantization: low = 200 is above high = 127"),
    (_set("shapes", "x", to=3), "shape of 'x' = '3' is mistyped"),
    (_set("arrays", to=None), "field 'arrays' is missing or mistyped"),
])  # fmt: skip
def test_a_changed_header_is_named(tmp_path, trace, change, message):
    path = _changed(tmp_path, trace, change)
    with pytest.raises(CodesignError) as fault:
        load_trace(path)
    assert str(fault.value) == f"{path}: {message}"


def test_a_missing_field_is_named(tmp_path, trace):
    path = _changed(tmp_path, trace, lambda header: header["layers"][0].pop("operator"))
    with pytest.raises(CodesignError) as fault:
        load_trace(path)
    assert str(fault.value) == f"{path}: layer 0: field 'operator' is missing"


@pytest.mark.parametrize(("content", "message"), [
    (b"", "not a trace, or truncated (BadZipFile)"),
    (b"PK\x03\x04 nothing", "not a trace, or truncated (BadZipFile)"),
    (None, "not a trace, or truncated (BadZipFile)"),
])  # fmt: skip
def test_a_file_that_is_no_trace(tmp_path, trace, content, message):
    path = tmp_path / "t.npz"
    save_trace(path, trace)
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    with pytest.raises(CodesignError) as fault:
        load_trace(path)
    assert str(fault.value) == f"{path}: {message}"


def test_arrays_that_are_pickles_or_claim_too_much_are_refused(tmp_path, trace):
    save_trace(tmp_path / "good.npz", trace)
    bomb = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776,), }".ljust(117) + b"\n"
    pickled = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    for text in (bomb, pickled):
        path = tmp_path / "bad.npz"
        with zipfile.ZipFile(tmp_path / "good.npz") as source, zipfile.ZipFile(path, "w") as target:
            target.writestr("trace.json", source.read("trace.json"))
            for index in range(3):
                target.writestr(f"array_{index}.npy", b"\x93NUMPY\x01\x00\x76\x00" + text)
        with pytest.raises(CodesignError) as fault:
            load_trace(path)
        assert str(fault.value) == f"{path}: array_0.npy is damaged"


def test_other_npz_files_directories_and_absent_files(tmp_path, trace):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for path, message in (
        (tmp_path / "other.npz", "not a trace (it has no trace.json)"), (tmp_path, "is a directory, not a trace"),
        (tmp_path / "none.npz", "no such file"),
    ):  # fmt: skip
        with pytest.raises(CodesignError) as fault:
            load_trace(path)
        assert str(fault.value) == f"{path}: {message}"
    with pytest.raises(CodesignError):
        save_trace(tmp_path / "no folder" / "t.npz", trace)


def test_500_mutants_are_read_and_run_or_refused_within_five_seconds_each():
    """100,000 by ``python -m benchmarks.fuzz trace``."""
    seed = random.randrange(1 << 32)
    read, refused, escaped = fuzz("trace", seed, 500)
    assert not escaped
    assert refused > 100 and read > 4, f"from seed {seed}: {refused} refused, {read} read"
