"""Are `cycle` and `exact` simulators? Neither contains or reaches a formula for a layer's time."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from simulators.activity import INDEX
from simulators.machine_files import load_machine
from simulators.npu.cycle import run_cycle
from simulators.npu.exact import new_memories, run_exact
from simulators.npu.mapper import choose
from simulators.npu.planner import compile_for, emit_program
from simulators.program import OPCODES
from workloads.importers.scalesim import add_row
from workloads.network import Network
from workloads.tracing import trace_network

ROOT = Path(__file__).parents[3]
NPU = ROOT / "simulators" / "npu"
KERNELS = [NPU / "cycle.py", *sorted(path for path in NPU.glob("exact*.py") if path.name != "exact_layers.py")]
#: Where a layer becomes tiles, and where tiles have a time in closed form.
LAYER_LEVEL = {
    f"simulators.npu.{name}"
    for name in (
        "fast", "search", "mapper", "planner", "plan", "placement", "tiles", "tokens", "emit", "emit_array",
        "emit_transfers",
    )
}  # fmt: skip


def imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def file_of(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def reached(path: Path) -> dict[Path, ast.Module]:
    """Return every file of the simulators that a file imports, itself and at any depth."""
    found, ahead = {}, [path]
    while ahead:
        path = ahead.pop()
        if path not in found:
            found[path] = ast.parse(path.read_text(encoding="utf-8"))
            ours = [file_of(name) for name in imports(found[path]) if name.startswith("simulators")]
            ahead += [file for file in ours if file.exists()]
    return found


def products(tree: ast.AST) -> list[tuple[str, str]]:
    """Return the factors of every product, as they are written."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)]
    return [(ast.unparse(node.left), ast.unparse(node.right)) for node in found]


def fold_products(tree: ast.AST) -> list[str]:
    """Return products in which a number of folds is a factor: what a closed form of a layer needs."""
    return [f"{a} * {b}" for a, b in products(tree) if "fold" in a.lower() or "fold" in b.lower()]


def ceiling_products(tree: ast.AST) -> list[str]:
    """Return products of two rounded-up quotients: folds under any other name."""
    rounded_up = ("ceil_div", "-(-")
    return [
        f"{a} * {b}" for a, b in products(tree) if all(any(sign in side for sign in rounded_up) for side in (a, b))
    ]


def test_the_kernels_are_found():
    known = {"cycle.py", "exact.py", "exact_array.py", "exact_vector.py", "exact_dma.py"}
    assert known <= {path.name for path in KERNELS}


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.name)
def test_a_kernel_knows_programs_and_no_layers(path):
    files = reached(path)
    assert {file_of(name) for name in LAYER_LEVEL} & set(files) == set()
    found = {file.name: fold_products(tree) + ceiling_products(tree) for file, tree in files.items()}
    assert {name: some for name, some in found.items() if some} == {}


def test_layers_with_values_reach_the_closed_form_in_no_way():
    assert NPU / "fast.py" not in reached(NPU / "exact_layers.py")


def test_these_tests_would_notice():
    assert NPU / "fast.py" in reached(NPU / "mapper.py")
    assert fold_products(ast.parse((NPU / "fast.py").read_text(encoding="utf-8")))
    assert fold_products(ast.parse("def f(r, c, t, folds_r): return folds_r * (2*r + c + t - 2)"))
    assert ceiling_products(ast.parse("total = -(-k // rows) * -(-n // cols)"))


@pytest.mark.parametrize("flow", ["ws", "os", "is"])
def test_time_comes_from_the_commands(flow):
    """Leave commands out or feed fewer vectors: both fidelities follow, fold by fold."""
    machine = load_machine(f"scalesim_32x32_{flow}", ["array.rows=4", "array.cols=5"])
    network = Network("rows", [], {}, (), (), "shapes only")
    add_row(network, "l", (11, 12, 13))
    (layer,) = trace_network(network).layers
    compiled = compile_for(machine)
    program = emit_program(compiled, choose(compiled, layer))
    names = ["matmul"] if flow == "os" else ["preload", "matmul"]
    fold = len(names)
    assert [OPCODES[code] for code in program["opcode"][:fold]] == names
    whole = run_both(machine, program)
    for keep in range(fold, len(program), 3 * fold):
        cut = run_both(machine, program[:keep])[0]
        assert cut == whole[1][keep - 1], "a shorter program ends where its last command did"
    thinner = program.copy()
    thinner["count"][fold - 1] -= 1
    assert run_both(machine, thinner)[0] == whole[0] - 1


def run_both(machine, program) -> tuple[int, np.ndarray]:
    """Return cycles and ends of commands, the same in `cycle` and `exact`."""
    cycle = run_cycle(machine, program)
    memories = new_memories(machine, np.zeros(1, np.uint8), scratchpad=1 << 12, weights=1 << 12, words=1 << 10)
    exact = run_exact(machine, program, memories)
    assert cycle.cycles == exact.cycles == cycle.counts[INDEX["cycles"]]
    np.testing.assert_array_equal(cycle.end, exact.end)
    return cycle.cycles, cycle.end
