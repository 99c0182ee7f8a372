"""Is the PE one Verilog module whatever the array's size, and how long does the array take to emit?"""

from __future__ import annotations

import re
import resource
import time

import pytest

from rtl.emission import Parts, verilog_of
from rtl.npu.array import COLUMN_MODULE, PE_MODULE, SystolicArray
from rtl.parameters import parameters_of
from tests.simulators.npu.machines import small_machine


def cpu_seconds() -> float:
    return time.process_time() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


@pytest.mark.parametrize(
    ("dataflow", "convolution", "size"),
    [
        ("ws", "shifted", 32), ("os", "shifted", 6), ("os", "im2col", 5),
        pytest.param("os", "shifted", 32, marks=pytest.mark.slow),
        pytest.param("os", "im2col", 32, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_one_module_for_all_pes_in_10_seconds(dataflow: str, convolution: str, size: int) -> None:
    p = parameters_of(small_machine(size, size, dataflow, convolution=convolution))
    began = cpu_seconds()
    parts = Parts()
    text = verilog_of(SystolicArray(p, parts=parts), "array", parts)
    assert cpu_seconds() - began < 10
    modules = re.findall(r"^module (\S+?) ?\(", text, re.MULTILINE)
    assert len(modules) == len(set(modules))
    assert {PE_MODULE, COLUMN_MODULE} <= set(modules)
    assert len(re.findall(rf"^  {PE_MODULE} ", text, re.MULTILINE)) == p.rows
    assert len(re.findall(rf"^  {COLUMN_MODULE} ", text, re.MULTILINE)) == p.cols
    assert text.count(" * ") == 1, "one multiplier is written down"
