"""Does importing codesign, or asking for help, stay free of the heavy packages?"""

import subprocess
import sys

import pytest

HEAVY = ("numba", "scipy", "matplotlib", "amaranth", "numpy", "onnx", "pandas", "ruamel")
PROBE = "import sys; {0}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
HELP = "from codesign.cli import _outcome; sys.stdout = sys.stderr; _outcome({0!r}); sys.stdout = sys.__stdout__"


def loaded(statement: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", PROBE.format(statement)], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import codesign",
        "import codesign; dir(codesign); codesign.__version__",
        HELP.format(["--help"]),
        HELP.format(["run", "--help"]),
        HELP.format(["map", "--help"]),
        HELP.format(["--version"]),
    ],
)
def test_loads_nothing_heavy(statement):
    assert loaded(statement) & set(HEAVY) == set()


def test_list_and_doctor_load_no_compiler():
    for arguments in (["list", "machines"], ["doctor"], ["schema"]):
        assert loaded(HELP.format(arguments)) & {"numba", "scipy", "matplotlib", "amaranth"} == set()


def test_the_probe_sees_what_is_loaded():
    assert "numpy" in loaded("import codesign; codesign.Trace")


def test_every_public_name_resolves():
    import codesign

    for name in codesign.__all__:
        assert getattr(codesign, name) is not None
    with pytest.raises(AttributeError, match=r"^module 'codesign' has no attribute 'nothing'$"):
        _ = codesign.nothing
