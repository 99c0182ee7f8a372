"""Which Liberty files does a user mean, and what does a wrong path get told?"""

import re

import pytest

from rtl.synthesis.liberty_files import liberty_files
from workloads.errors import CodesignError


@pytest.fixture
def folder(tmp_path):
    for name in ("slow.lib", "fast.lib.gz", "README.md"):
        (tmp_path / name).write_text("")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_folder_means_its_liberty_files_in_order(folder):
    assert [path.name for path in liberty_files([folder])] == ["fast.lib.gz", "slow.lib"]


def test_a_file_that_is_named_twice_is_read_once(folder):
    assert [path.name for path in liberty_files([folder / "slow.lib", folder])] == ["slow.lib", "fast.lib.gz"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("slw.lib", "no such file; did you mean '{folder}/slow.lib'?"),
        ("emptty", "no such file; did you mean '{folder}/empty'?"),
        ("quite_another", "no such file; {folder} holds no Liberty file of a name like it"),
        ("none/slow.lib", "no such file; there is no folder {folder}/none"),
        ("empty", "the folder holds no .lib or .lib.gz file"),
    ],
)
def test_a_wrong_path_is_told_in_a_line(folder, name, message):
    expected = f"--library {folder / name}: " + message.replace("{folder}", str(folder))
    with pytest.raises(CodesignError, match=f"^{re.escape(expected)}$"):
        liberty_files([folder / name])


def test_no_path_is_refused():
    with pytest.raises(CodesignError, match=r"^--library: a Liberty file"):
        liberty_files([])
