"""Does `codesign run` take a language model through NPU and PIM, every field of its description count, and bad asks end
in one line? Is the comparison with the publication what its points say?"""

import json
import math

import pytest
from typer.testing import CliRunner

from codesign.cli import _outcome, app
from codesign.neupims_reproduce import GAINS, SYSTEMS, Point, Reproduction, published, reproduce
from codesign.neupims_run import UNUSED, LanguageResult, run_language_model
from codesign.report.neupims_table import table
from simulators.machine_files import load_machine
from simulators.machine_schema import leaf_fields
from simulators.pim.devices import DEVICES
from simulators.technology_names import PIM_DEVICES

#: A small model, so that a run takes a moment; interleaved, so that the second row buffer counts.
MODEL = ["pim.interleave=on", "pim.tensor_parallel=4"]
CHANGES = {
    "device": "newton", "dual_row_buffer": "false", "placement": "round_robin", "interleave": "off", "bank_queue": "4",
    "requests_per_clock": "1", "tensor_parallel": "2", "link_bytes_per_second": "1000000000", "link_latency_ns": "9",
}  # fmt: skip


@pytest.fixture(scope="module")
def requests(tmp_path_factory):
    path = tmp_path_factory.mktemp("pim") / "requests.csv"
    path.write_text("seq_len\n" + "".join(f"{30 + 37 * i % 700}\n" for i in range(40)))
    return str(path)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A decoder of two layers, as a file."""
    path = tmp_path_factory.mktemp("model") / "config.json"
    config = {
        "model_type": "llama", "hidden_size": 512, "intermediate_size": 1024, "num_attention_heads": 8,
        "num_hidden_layers": 2, "vocab_size": 1000, "max_position_embeddings": 1024, "hidden_act": "silu",
    }  # fmt: skip
    path.write_text(json.dumps(config))
    return str(path)


def cycles(model, requests, *overrides):
    machine = load_machine("neupims", [*MODEL, *overrides])
    return run_language_model(model, machine, phase="decode", requests=requests).report["cycles"]


@pytest.mark.slow
def test_every_field_of_the_section_changes_the_cycles(tiny, requests):
    names = {field.name.removeprefix("pim.") for field in leaf_fields() if field.name.startswith("pim.")}
    assert names == set(CHANGES)
    base, serial = cycles(tiny, requests), cycles(tiny, requests, "pim.interleave=off")
    assert cycles(tiny, requests, "pim.interleave=off", f"pim.placement={CHANGES['placement']}") > serial
    assert [
        name
        for name, value in CHANGES.items()
        if name != "placement" and cycles(tiny, requests, f"pim.{name}={value}") == base
    ] == []


#: Fields of the machine beside the section: each changes cycles or energy.
FIELDS = {
    "clock_hz": "500000000", "cores": "4", "technology.node_nm": "45", "technology.supply_v": "0.7",
    "technology.arithmetic": "horowitz_45nm", "technology.scaling": "jouppi_2021", "array.rows": "64",
    "array.cols": "64", "array.shadow_weights": "true", "array.pe.activation": "bf16", "array.pe.weight": "bf16",
    "accumulator.size_bytes": "65536", "vector.lanes": "8",
}  # fmt: skip
#: What is told in words, refused with other values, or not of this kind.
OTHER = ("name", "description", "source", "array.dataflow", "array.pe.accumulator", "vector.functions.", "pim.")


@pytest.mark.slow
def test_every_other_field_of_the_machine_counts_or_is_refused(tiny):
    def found(*overrides):
        machine = load_machine("neupims", ["vector.lanes=64", *overrides])
        report = run_language_model(tiny, machine, 1, "prefill", 300, fast=True).report
        return report["cycles"], report["energy_per_token_pj"]["total"]

    rest = {field.name for field in leaf_fields() if not field.name.startswith((*UNUSED, *OTHER))}
    assert rest == set(FIELDS)
    base = found()
    assert [name for name, value in FIELDS.items() if found(f"{name}={value}") == base] == []


def test_every_device_that_a_machine_may_name_is_there():
    assert tuple(DEVICES) == PIM_DEVICES


def test_the_command_line_tells_stages_throughput_and_energy(requests, tiny):
    asked = ["run", tiny, "--phase", "decode", "--requests", requests, "--machine", "neupims", "--no-interleave"]
    ran = CliRunner().invoke(app, [*asked, "--no-dual-row-buffer", "-f", "json"])
    report = json.loads(ran.stdout)
    assert [stage["name"] for stage in report["stages"]] == ["qkv", "attention", "projection and feed-forward"]
    assert report["row_buffers"] == 1
    assert report["layer_cycles"] == sum(stage["cycles"] for stage in report["stages"])
    assert report["cycles"] == report["layers"] * report["layer_cycles"] + report["head_cycles"]
    assert report["tokens_per_s"] == pytest.approx(40 / report["latency_s"])
    parts = report["energy_per_token_pj"]
    assert parts["total"] == pytest.approx(sum(pj for name, pj in parts.items() if name != "total"))
    assert min(parts[f"dram_{name}"] for name in ("rows", "compute_columns", "macs", "reads", "standby")) > 0
    text = CliRunner().invoke(app, asked).stdout
    assert "tokens/s on 4 devices" in text
    assert 0 < report["pim_utilization"] < 1 > report["bus_utilization"] > report["array_utilization"] > 0
    assert max(map(len, text.splitlines())) <= 120
    assert "a token in the layers" in text
    assert LanguageResult(report).rendered("csv").splitlines()[-1] == f"total,{report['cycles']},,,"


def test_the_closed_form_is_near_and_says_so(requests, tiny):
    machine = load_machine("neupims", ["pim.interleave=off"])
    near, exact = (run_language_model(tiny, machine, phase="decode", requests=requests, fast=fast)
                   for fast in (True, False))  # fmt: skip
    attention, whole = (one.report["stages"][1]["pim_cycles"] for one in (near, exact))
    assert attention == pytest.approx(whole, rel=0.03)
    assert near.report["cycles"] == pytest.approx(exact.report["cycles"], rel=0.1)
    assert near.report["fidelity"] == "fast"
    assert "closed form" in str(near).splitlines()[0]


def test_channels_of_the_file_count_unless_a_placement_is_asked_for(tiny, tmp_path):
    path = tmp_path / "one_channel.csv"
    path.write_text("seq_len,ch_idx\n" + "300,5\n" * 6)
    asked = ["run", tiny, "--phase", "decode", "--requests", str(path), "-m", "neupims", "--fidelity", "fast"]
    crowded, spread = (json.loads(CliRunner().invoke(app, [*asked, *more, "-f", "json"]).stdout)["stages"][1]
                       for more in ([], ["--placement", "longest_first"]))  # fmt: skip
    assert crowded["pim_cycles"] > 4 * spread["pim_cycles"]


def test_prompts_and_batches_of_one_length(tiny):
    prompt = run_language_model(tiny, load_machine("neupims"), 2, "prefill", 128).report
    assert prompt["tokens_per_s"] == pytest.approx(256 / prompt["latency_s"])
    assert prompt["energy_per_token_pj"]["dram_macs"] == 0
    assert all(stage["pim_cycles"] == 0 for stage in prompt["stages"])
    assert prompt["pim_utilization"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "digits", "-m", "tpu_v1", "--no-interleave"], "--interleave: the memory of tpu_v1 does not compute"),
        (["run", "digits", "-m", "neupims"], "digits: only decoders run"),
        (["run", "gpt2", "-m", "neupims", "--mapping", "m.yaml"], "--mapping: not for neupims"),
        (
            ["run", "gpt2", "-m", "neupims", "--fidelity", "exact", "--allow-host"],
            "--fidelity exact, --allow-host: not",
        ),
        (
            ["run", "gpt2", "-m", "neupims", "--phase", "decode", "--batch", "4", "--fidelity", "fast", "--interleave"],
            "pim.interleave: sub-batches in turns are not in the closed form",
        ),
        (["run", "gpt2", "-m", "neupims", "--set", "dma.bus_bytes=64"], "--set dma.bus_bytes=64: without effect on"),
        (["run", "gpt2", "-m", "neupims", "--set", "array.dataflow=ws"], "array.dataflow: ws: beside PIM tokens stay"),
        (["run", "gpt2", "-m", "neupims", "--set", "array.pe.weight=int8"], "array.pe.weight: int8: beside PIM"),
        (["run", "gpt2", "-m", "neupims", "--set", "array.pe.accumulator=fp16"], "it has 4 bytes; use fp32"),
        (["run", "gpt2", "-m", "neupims", "--requests", "no.csv"], "no.csv: No such file"),
        (["run", "gpt2", "-m", "neupims", "--requests", "no.csv", "--batch", "2"], "--requests: gives batch"),
        (["run", "gpt2", "-m", "neupims", "--context", "2000"], "more than the model's 1024 positions"),
        (["run", "mixtral-8x7b", "-m", "neupims"], "experts are not mapped"),
        (["run", "gpt2", "-m", "neupims", "--set", "pim.device=neupim"], "did you mean 'neupims'"),
        (["map", "digits", "-m", "neupims"], "its memory computes"),
        (["rtl", "neupims", "-o", "nowhere"], "no NPU in RTL"),
        (["reproduce", "neupims", "--model", "gpt3-7"], "did you mean 'gpt3-7b'"),
        (["reproduce", "neupims", "--batch", "0"], "--batch 0: use 1 to"),
    ],
)
def test_what_is_not_there_is_refused_in_a_line(capsys, arguments, said):
    assert _outcome(arguments) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_gains_are_geometric_means_of_ratios():
    points = [Point("m", "l", b, name, rate, False) for b, name, rate in (
        (1, "gpu", 1.0), (1, "neupims", 2.0), (2, "gpu", 1.0), (2, "neupims", 8.0))]  # fmt: skip
    found = Reproduction(tuple(points))
    assert found.gain("gpu") == pytest.approx(4)
    assert found.gain("gpu", keep=lambda point: point.batch == 2) == pytest.approx(8)


def test_what_is_compared_with_is_what_the_publication_says():
    told = published()
    assert [told[figure] for figure in GAINS.values()] == [3.0, 2.4, 1.6]  # its abstract
    assert told["gain_over_npu"] / told["memory_power_over_npu"] == pytest.approx(told["memory_energy_of_npu"], 1e-3)


@pytest.mark.slow
def test_the_comparison_at_one_model_shows_what_each_mechanism_brings(tmp_path):
    found = reproduce(["gpt3-7b"], [512], ["sharegpt"])
    assert {point.system for point in found.points} == set(SYSTEMS)
    assert found.gain("npu+pim") > 1.2
    assert found.gain("npu") > found.gain("npu+pim")
    assert min(found.gain(name) for name in SYSTEMS if name.startswith("no ")) >= 1
    assert found.gain("no interleaving") > 1.05
    assert math.isfinite(found.energy_ratio("npu"))
    assert found.energy_ratio("npu", field="dram_j") > 1
    assert found.gain("npu+pim", "two row buffers") > 1.02
    points = {point.system: point for point in found.points}
    assert points["neupims"].array_utilization > points["npu+pim"].array_utilization > points["npu"].pim_utilization
    assert len(found.to_csv().splitlines()) == 1 + len(found.points)
    text = table(found)
    assert all(name in text for name in (*GAINS, "not explained", "3.11 % of the memory"))
    assert max(map(len, text.splitlines())) <= 120
    from codesign.report.neupims_figure import speedups

    speedups(found).savefig(tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 10_000
