"""Is an input-stationary product the weight-stationary product of the transposed operands?"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulators.activity import as_dict
from simulators.npu.exact import new_memories, run_exact
from simulators.npu.mapper import choose
from simulators.npu.planner import compile_for, emit_program
from tests.properties.strategies import gemm, machine_with, small

TRANSPOSED = {
    "scratchpad_read_elements": "weight_read_elements",
    "weight_read_elements": "scratchpad_read_elements",
}


def product(machine, left: np.ndarray, right: np.ndarray):
    """Run left @ right on a resident machine with one scale for all: return the run and the accumulators' words."""
    (m, k), n = left.shape, right.shape[1]
    compiled = compile_for(machine)
    rows, cols = machine.array.rows, machine.array.cols
    is_ = machine.array.dataflow == "is"
    folds = [right[f : f + rows].T.reshape(-1) for f in range(0, k, rows)] if is_ else [
        right[:, f : f + cols].reshape(-1) for f in range(0, n, cols)]  # fmt: skip
    words = -(-m // cols) * n if is_ else -(-n // cols) * m
    memories = new_memories(machine, np.zeros(1, np.uint8), scratchpad=m * k, weights=k * n, words=words)
    memories.scratchpad[:], memories.weights[:] = left.reshape(-1), np.concatenate(folds)
    return run_exact(machine, emit_program(compiled, choose(compiled, gemm(m, k, n))), memories)


@given(small, small, st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.booleans(), st.booleans())
def test_input_stationary_is_weight_stationary_transposed(rows, cols, m, k, n, shadow, overlap):
    fields = {
        "array__rows": rows, "array__cols": cols, "array__convolution": "im2col", "array__shadow_weights": shadow,
        "array__fold_overlap": overlap, "memory__model": "resident", "vector__lanes": 1,
    }  # fmt: skip
    rng = np.random.default_rng(m * 400 + k * 20 + n)
    left, right = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    input_stationary = product(machine_with(**fields, array__dataflow="is"), left, right)
    weight_stationary = product(machine_with(**fields, array__dataflow="ws"), right.T, left.T)
    for name in ("start", "end"):
        np.testing.assert_array_equal(getattr(input_stationary, name), getattr(weight_stationary, name))
    counts = as_dict(weight_stationary.counts)
    assert as_dict(input_stationary.counts) == {name: counts[TRANSPOSED.get(name, name)] for name in counts}
    sums = [run.memories.accumulator for run in (input_stationary, weight_stationary)]
    np.testing.assert_array_equal(*sums)
    blocks = [sums[0][f * n : (f + 1) * n].T for f in range(-(-m // cols))]
    np.testing.assert_array_equal(np.concatenate(blocks)[:m], left @ right)
