"""Does `codesign pim` run a file of requests, tell what the simulator found, and refuse bad files in one line?"""

import json

import pytest
from typer.testing import CliRunner

from codesign.cli import app
from codesign.pim_commands import CHANGEABLE, pim_report, read_lengths, run_requests
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
    for change, said in (("lane=8", "lanes"), ("lanes=many", "'many'"), ("refresh=maybe", "true"), ("lanes=24", "24")):
        with pytest.raises(CodesignError, match=said):
            run_requests(requests, "neupims", "gpt3-7b", changes=[change])


CHANGES = {
    "row_buffers": "1", "operand_bytes": "1", "lanes": "8", "unit_banks": "4", "unit_clock_ghz": "0.3",
    "composite": "false", "dot_holds_row": "true", "refresh": "false", "vector_in_bank": "false", "activate": "rank",
    "precharge": "rank", "value_layout": "packed", "placement": "buffer",
}  # fmt: skip


def test_the_closed_form_is_near_in_cycles_commands_and_energy(requests):
    near, exact = (run_requests(requests, "neupims", "gpt3-7b", channels=2, fast=fast) for fast in (True, False))
    assert near["cycles"] == pytest.approx(exact["cycles"], rel=0.05)
    same = ("GWRITE", "G_ACT", "PIM_PRE", "COMP", "READRES")
    assert [near["commands"][name] for name in same] == [exact["commands"][name] for name in same]
    assert near["energy_total_pj"] == pytest.approx(exact["energy_total_pj"], rel=0.03)
    asked = CliRunner().invoke(app, ["pim", requests, "--channels", "2", "--fidelity", "fast"])
    assert "a bank; closed form" in asked.stdout


def test_every_option_of_a_device_changes_cycles_or_energy(requests):
    def found(*changes):
        report = run_requests(requests, "neupims", "gpt3-7b", channels=2, changes=changes)
        return report["cycles"], report["energy_total_pj"]

    assert set(CHANGES) == set(CHANGEABLE)
    whole = found()
    assert [name for name, value in CHANGES.items() if found(f"{name}={value}") == whole] == []


def test_every_device_that_help_names_runs_with_its_energy(requests):
    from simulators.pim.devices import DEVICES

    told = " ".join(CliRunner().invoke(app, ["pim", "--help"]).stdout.replace("│", " ").split())
    assert ", ".join(DEVICES) in told
    assert CliRunner().invoke(app, ["list", "devices"]).stdout.split() == list(DEVICES)
    for name in DEVICES:
        report = run_requests(requests, name, "gpt3-7b", channels=2)
        assert report["energy_total_pj"] == sum(report["energy_pj"].values()) > 0
    assert "no source: refresh, standby" in pim_report(requests, "attacc_bank", "gpt3-7b", False, channels=2)


def test_channels_of_the_file_are_taken(tmp_path):
    path = tmp_path / "placed.csv"
    path.write_text("seq_len,ch_idx\n20,1\n30,1\n")
    assert read_lengths(str(path)) == ([20, 30], [1, 1])
    assert run_requests(str(path), "neupims", "gpt3-7b", channels=2)["busy_cycles"][0] == 0


def test_files_as_spreadsheets_write_them_are_read(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"\xef\xbb\xbfch_idx, seq_len \r\n1, 20\r\n0,30\r\n,\r\n")
    assert read_lengths(str(path)) == ([20, 30], [1, 0])


def test_refreshes_told_are_those_that_were_due(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("seq_len\n12\n")
    report = run_requests(str(path), "neupims", "gpt3-7b", channels=2)
    assert report["commands"]["REF"] == 2 * (report["cycles"] * 2 // 3900) > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column seq_len"),
        ("seq_len\n", "no requests below"),
        ("length\n4\n", "column seq_len"),
        ("seq_len\n4\n-2\n", "line 3: seq_len '-2' is not a whole number from 1"),
        ("seq_len\n0\n", "line 2: seq_len '0'"),
        ("seq_len\n" + "9" * 5000 + "\n", "line 2: seq_len '9999"),
        ("seq_len,ch_idx\n4\n", "line 2: ch_idx ''"),
        ("seq_len,ch_idx\n4,99\n", "line 2: ch_idx '99' is not a whole number from 0 to 31"),
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
