"""Does every kernel compute the same compiled as in plain Python?

Emitter, mapper, closed form, both event kernels and the requantizer, in a process of its own without a compiler.
(`simulators.npu.reference` is the independent twin; this finds what only compilation changes: widths, division, order.)
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.simulators.npu.kernel_results import kernel_results


def test_compiled_and_plain_results_are_equal(tmp_path):
    path = tmp_path / "plain.npz"
    root = Path(__file__).parents[3]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.simulators.npu.kernel_results", str(path)]
    subprocess.run(command, check=True, cwd=root, env=environment)
    compiled = kernel_results()
    with np.load(path, allow_pickle=False) as plain:
        assert set(plain.files) == set(compiled)
        for name, values in compiled.items():
            np.testing.assert_array_equal(plain[name], values, err_msg=name)
