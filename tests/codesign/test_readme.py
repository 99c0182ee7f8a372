"""Does every command of the README run, and print what the README shows?"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: What .ci/run itself runs, in a fresh environment.
INSTALLS = ("pip install .", 'pip install ".[test]"', "pytest")
WIDTH = "132"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    lines = [command.split("  #")[0].strip() for line in block.splitlines() for command in line.split("&&")]
    return [line for line in lines if line and line not in INSTALLS]


def run_in(folder: Path, script: str, **more) -> subprocess.CompletedProcess:
    bin_folder = folder / "bin"
    bin_folder.mkdir(exist_ok=True)
    launcher = bin_folder / "codesign"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codesign "$@"\n')
    launcher.chmod(0o755)
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    path = os.pathsep.join([str(bin_folder), os.environ["PATH"]])
    environment = {**os.environ, "PYTHONPATH": python_path, "PATH": path, "COLUMNS": WIDTH}
    return subprocess.run(
        ["sh", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, **more
    )


def test_the_two_commands_come_first():
    first, second = blocks("sh")[:2]
    assert first.strip() == "pip install . && codesign run onnx:resnet50 --machine tpu_v1"
    assert second.strip() == 'pip install ".[test]" && pytest'


@pytest.mark.parametrize("block", [block for block in blocks("sh") if commands(block)])
def test_a_block_runs(block, tmp_path):
    done = run_in(tmp_path, "\n".join(commands(block)))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_first_command_prints_what_the_readme_shows(tmp_path):
    shown = [line for line in blocks("text")[0].splitlines() if line.strip() != "..."]
    printed = run_in(tmp_path, commands(blocks("sh")[0])[0]).stdout.splitlines()
    assert len(shown) > 10
    assert [line for line in shown if line not in printed] == []


@pytest.mark.parametrize("block", blocks("python"))
def test_the_python_runs(block, tmp_path):
    path = tmp_path / "example.py"
    path.write_text(block)
    done = run_in(tmp_path, f'"{sys.executable}" example.py')
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
