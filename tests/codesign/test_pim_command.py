"""Does `codesign pim` run a file of requests, tell what the simulator found, and refuse bad files in one line?"""

import json

import pytest
from typer.testing import CliRunner

from codesign.cli import app
from codesign.pim_commands import pim_report, read_lengths, run_requests
from workloads.errors import CodesignError


@pytest.fixture
def requests(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text("seq_len\n300\n40\n700\n")
    return str(path)


def test_the_report_as_json_and_as_a_table(requests):
    ran = CliRunner().invoke(app, ["pim", requests, "--channels", "2", "-f", "json"])
    report = json.loads(ran.stdout)
    assert report == run_requests(requests, "neupims", "gpt3-7b", channels=2)
    assert len(report["busy_cycles"]) == 2
    assert report["commands"]["GWRITE"] == 2 * 3 + 8 * (1 + 1 + 2)
    assert report["softmax_done_cycles"] < report["cycles"]
    table = pim_report(requests, "neupims", "gpt3-7b", False, channels=2)
    assert f"{report['cycles']:,}" in table


def test_mechanisms_can_be_switched_off(requests):
    whole = run_requests(requests, "neupims", "gpt3-7b", channels=2)
    assert run_requests(requests, "neupims", "gpt3-7b", channels=2, dual_row_buffer=False)["cycles"] > whole["cycles"]
    unbalanced = run_requests(requests, "neupims", "gpt3-7b", placement="round_robin", channels=2)
    assert unbalanced["busy_cycles_max"] > whole["busy_cycles_max"]


def test_options_of_a_device_are_varied_and_bad_ones_refused(requests):
    whole = run_requests(requests, "neupims", "gpt3-7b", channels=2)
    packed = run_requests(requests, "neupims", "gpt3-7b", channels=2, changes=["value_layout=packed"])
    assert packed["commands"]["G_ACT"] < whole["commands"]["G_ACT"]
    assert packed["energy_pj"]["macs"] == whole["energy_pj"]["macs"]
    assert run_requests(requests, "neupims", "gpt3-7b", channels=2, changes=["lanes=8", "dot_holds_row=true"])[
        "cycles"
    ] > whole["cycles"]  # fmt: skip
    for change, said in (("lane=8", "lanes"), ("lanes=many", "'many'"), ("refresh=maybe", "bool"), ("lanes=24", "24")):
        with pytest.raises(CodesignError, match=said):
            run_requests(requests, "neupims", "gpt3-7b", changes=[change])


def test_every_device_that_help_names_runs_with_its_energy(requests):
    from codesign.cli import PIM_DEVICES
    from simulators.pim.devices import DEVICES

    assert PIM_DEVICES.split(", ") == list(DEVICES)
    for name in DEVICES:
        report = run_requests(requests, name, "gpt3-7b", channels=2)
        assert report["energy_total_pj"] == sum(report["energy_pj"].values()) > 0
    assert "no source: refresh, standby" in pim_report(requests, "attacc_bank", "gpt3-7b", False, channels=2)


def test_channels_of_the_file_are_taken(tmp_path):
    path = tmp_path / "placed.csv"
    path.write_text("seq_len,ch_idx\n20,1\n30,1\n")
    assert read_lengths(str(path)) == ([20, 30], [1, 1])
    assert run_requests(str(path), "neupims", "gpt3-7b", channels=2)["busy_cycles"][0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no requests"),
        ("length\n4\n", "column seq_len"),
        ("seq_len\n4\n-2\n", "line 3"),
        ("seq_len\n0\n", "length 0"),
        ("seq_len,ch_idx\n4,99\n", "channel 99"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(CodesignError, match=said):
        run_requests(str(path), "neupims", "gpt3-7b")


def test_unknown_names_are_refused(requests):
    with pytest.raises(CodesignError, match="gpt3-7b"):
        run_requests(requests, "neupims", "gpt3-7")
    with pytest.raises(CodesignError, match="absent"):
        run_requests("absent.csv", "neupims", "gpt3-7b")
