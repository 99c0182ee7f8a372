"""Does the house stand as docs/architecture.md says: floors, sizes, docstrings, safe reading?"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("workloads", "simulators", "rtl", "codesign")
FILES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
MOST_LINES = 400
MOST_FUNCTION_LINES = 70
UNSAFE_CALLS = {"eval", "exec", "pickle.load", "pickle.loads", "yaml.load", "joblib.load", "os.system"}
UNSAFE_MODULES = {"pickle", "shelve", "marshal", "dill", "cloudpickle", "joblib"}


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module or "")
    return names


def test_there_are_files_on_every_floor():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(FLOORS)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down_only(path):
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    above = {name for name in imported(tree_of(path)) if name.split(".")[0] in FLOORS[floor + 1 :]}
    assert above == set()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_fit_a_reader(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    functions = (n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    assert {f.name: f.end_lineno - f.lineno for f in functions if f.end_lineno - f.lineno > MOST_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_public_names_have_docstrings(path):
    tree = tree_of(path)
    if tree.body:
        assert ast.get_docstring(tree), "the module has none"
    public = (n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_"))
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_reads_untrusted_files_with_power(path):
    tree = tree_of(path)
    assert {name.split(".")[0] for name in imported(tree)} & UNSAFE_MODULES == set()
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls & UNSAFE_CALLS == set()
    text = path.read_text(encoding="utf-8")
    assert "allow_pickle=True" not in text
    assert 'typ="unsafe"' not in text


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_left_for_later(path):
    words = ("TODO", "FIXME", "XXX", "NotImplementedError")
    text = path.read_text(encoding="utf-8")
    assert [word for word in words if word in text] == []
