"""Runs a datapath without product registers on arrays, in Verilator."""

from __future__ import annotations

import ctypes

import numpy as np
from amaranth.back import verilog

from rtl.pe.interface import MultiplyAdd
from rtl.verilator import build_library

_HARNESS = """
#include "Vtop.h"
extern "C" EXPORT void run(const uint32_t* stream, const uint32_t* weight, const uint32_t* addend, uint32_t* result,
                           int64_t count) {
    Vtop top;
    for (int64_t i = 0; i < count; i++) {
        top.stream = stream[i], top.weight = weight[i], top.addend = addend[i];
        top.eval();
        result[i] = top.result;
    }
}
"""


def run_compiled(dut: MultiplyAdd, stream: np.ndarray, weight: np.ndarray, addend: np.ndarray) -> np.ndarray:
    """Return ``addend + stream * weight``, all as uint32 bit patterns."""
    text = verilog.convert(dut, name="datapath", emit_src=False, strip_internal_attrs=True)
    library = ctypes.CDLL(str(build_library(text, "datapath", _HARNESS)))
    arrays = [np.ascontiguousarray(values, np.uint32) for values in (stream, weight, addend)]
    result = np.zeros(len(arrays[0]), np.uint32)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (*arrays, result)]
    library.run(*pointers, ctypes.c_int64(len(result)))
    return result
