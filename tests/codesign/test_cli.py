"""Do the commands of the README do what they say, and tell faults in a line each?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from codesign.cli import _outcome

MACHINE = ["--machine", "small_npu_8x8"]
ROOT = Path(__file__).parents[2]
TOPOLOGY = "Layer, M, N, K,\nfirst, 20, 10, 30,\nsecond, 5, 64, 17,\n"
USE = (
    "use edge_npu, eyeriss, gemmini_16x16, neupims, nvdla_large, scalesim_32x32_is, scalesim_32x32_os, "
    "scalesim_32x32_ws, small_npu_8x8"
)


def codesign(*arguments: str, **more) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "codesign", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, **more)


@pytest.fixture
def topology(tmp_path) -> str:
    path = tmp_path / "topology.csv"
    path.write_text(TOPOLOGY)
    return str(path)


def test_a_pipe_gets_plain_text_and_no_bar():
    done = codesign("run", "digits", *MACHINE)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith("layer ")
    for word in ("latency", "inferences/s", "TOPS", "TOPS/W", "energy", "area", "cost figures", "weights: real"):
        assert word in done.stdout


@pytest.mark.parametrize("width", [60, 80, 100, 120, 140, 200])
def test_no_line_is_wider_than_the_reader(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    assert _outcome(["run", "digits", *MACHINE, "--fidelity", "fast"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    assert "depthwise.conv" in out or width == 60, "names are cut last"


def test_json_is_byte_equal_up_to_provenance(capsys):
    texts = []
    for _ in range(2):
        assert _outcome(["run", "digits", *MACHINE, "--format", "json"]) == 0
        texts.append(capsys.readouterr().out)
    assert json.loads(texts[0])["cycles"] > 0
    assert texts[0].split('"provenance"')[0] == texts[1].split('"provenance"')[0]


def test_csv_overrides_and_out(tmp_path, topology, capsys):
    out = tmp_path / "result.csv"
    arguments = ["run", topology, *MACHINE, "--set", "array.rows=4", "--format", "csv", "--out", str(out)]
    assert _outcome(arguments) == 0
    assert capsys.readouterr().out == ""
    assert [line.split(",")[0] for line in out.read_text().splitlines()] == ["name", "first", "second", "total"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.csv", "topology.csv"]


def test_a_mapping_is_written_and_pinned(tmp_path, topology, capsys):
    saved = tmp_path / "mapping.yaml"
    assert _outcome(["map", topology, *MACHINE, "--out", str(saved)]) == 0
    assert _outcome(["check", str(saved)]) == 0
    assert capsys.readouterr().out == f"{saved}: OK, a mapping of 2 layers\n"
    results = []
    for pinned in ([], ["--mapping", str(saved)]):
        assert _outcome(["run", topology, *MACHINE, "--format", "json", *pinned]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0]["layers"] == results[1]["layers"]


def test_batch_multiplies_the_work(topology, capsys):
    macs = []
    for batch in ("1", "3"):
        assert _outcome(["run", topology, *MACHINE, "--batch", batch, "--format", "json"]) == 0
        macs.append(json.loads(capsys.readouterr().out)["macs"])
    assert macs[1] == 3 * macs[0]


@pytest.mark.parametrize(
    ("what", "some"),
    [
        ("networks", {"digits", "onnx:resnet50", "onnx:vgg19"}),
        ("machines", {"tpu_v1", "edge_npu", "small_npu_8x8", "scalesim_32x32_ws"}),
        ("formats", {"int8", "bf16", "fp8_e4m3"}),
    ],
)
def test_list(what, some, capsys):
    assert _outcome(["list", what]) == 0
    assert some <= set(capsys.readouterr().out.splitlines())


def test_schema_is_json(capsys):
    assert _outcome(["schema"]) == 0
    assert "$defs" in json.loads(capsys.readouterr().out)


def test_doctor_names_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr("codesign.doctor.package_version", lambda name: "" if name == "pandas" else "1.0")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert _outcome(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "numba          1.0          compiled simulators" in out
    assert 'missing      would give: result.layers.to_pandas() (pip install "codesign[pandas]")' in out
    assert "  iverilog       missing      would give: simulation of the RTL, four-state" in out


def test_check_tells_what_files_are(tmp_path, topology, capsys):
    machine = tmp_path / "mine.yaml"
    machine.write_text("extends: small_npu_8x8\nname: mine\n")
    model = ROOT / "workloads" / "zoo" / "digits" / "digits_int8.onnx"
    assert _outcome(["check", str(machine), str(model), topology]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{machine}: OK, machine mine: 8x8 ")
    assert lines[1] == f"{model}: OK, network digits_int8: 7 layers, 17.1 kMAC, weights: real"
    assert lines[2] == f"{topology}: OK, network topology: 2 layers, 11.4 kMAC, weights: shapes only"


def test_check_goes_on_after_a_fault(tmp_path, topology, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text("extends: small_npu_8x8\narray:\n  row: 8\n")
    assert _outcome(["check", "no.csv", str(bad), "notes.txt", topology]) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "no.csv: no such file",
        f"{bad}:3: array.row is not a field (did you mean 'array.rows'?)",
        "notes.txt: not a kind of file that codesign reads; use .yaml, .yml, .onnx, .tflite, .csv, .json",
    ]
    assert captured.out.startswith(f"{topology}: OK")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "digits", "--machine", "tpu_v2"],
         f"--machine tpu_v2: no such preset; {USE}, tpu_v1, or the path of a .yaml file (did you mean 'tpu_v1'?)"),
        (["run", "digits", *MACHINE, "--set", "array.row=3"],
         "--set array.row=3: array.row is not a field (did you mean 'array.rows'?)"),
        (["run", "onnx:vgg19", *MACHINE, "--formats", "keep"],
         "onnx:vgg19: its tensors are fp32, the array of small_npu_8x8 multiplies int8 by int8; formats 'keep' forbids "
         "to re-type them"),
        (["run", "onnx:vgg19", *MACHINE, "--fidelity", "exact"],
         "onnx:vgg19: fidelity exact computes values, and this network has shapes only; "
         "give a seed for random ones (--random-weights SEED)"),
        (["run", "digits", *MACHINE, "--mapping", "no.yaml"], "no.yaml: cannot be read (No such file or directory)"),
        (["run", "digits", *MACHINE, "--out", "no/such.json"], "--out no/such.json: its folder does not exist"),
        (["run", "digits", *MACHINE, "--format", "csv", "--out", "/"], "--out /: is a folder"),
        (["run", "digits", *MACHINE, "--format", "json", "--out", "no_such_folder/"],
         "--out no_such_folder/: is the name of a folder; a file is needed"),
        (["run", "digits", *MACHINE, "--out", "/"],
         "--out /: the folder holds something else; give an empty one or a new name"),
        (["run", "digits", *MACHINE, "--dim", "N=0"],
         "--dim N=0: NAME=SIZE with a size from 1 to 2147483647 is needed"),
        (["run", "digits", *MACHINE, "--dim", "N=3"], "digits: has no symbolic dimensions to bind"),
        (["run", "no.onnx", *MACHINE], "no.onnx: no such file"),
        (["run", "no.csv", *MACHINE], "no.csv: no such file"),
        (["run", "digits"], "Missing option '--machine' / '-m'."),
        (["run", "digits", *MACHINE, "--fidelity", "exct"],
         "Invalid value for '--fidelity': 'exct' is not one of 'exact', 'cycle', 'fast'."),
        (["lst"], "No such command 'lst'. Did you mean 'list'?"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_and_exit_code_2(arguments, line, capsys):
    assert _outcome(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err == f"{line}\n"
    assert captured.out == ""


def test_a_fault_leaves_nothing_behind(tmp_path):
    done = codesign("run", "digits", "--machine", "tpu_v2", "--out", "result.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_is_130(monkeypatch, capsys):
    def interrupted(*_arguments, **_given):
        raise KeyboardInterrupt

    monkeypatch.setattr("codesign.runner.run", interrupted)
    assert _outcome(["run", "digits", *MACHINE]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_fault():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "codesign", "list", "formats"],
        stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141


def test_a_killed_write_leaves_the_old_file(tmp_path, monkeypatch):
    from codesign.files import write_atomically

    target = tmp_path / "result.json"
    target.write_text("old")

    def broken(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", broken)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert target.read_text() == "old"
