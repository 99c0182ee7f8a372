"""The RTL of a component under the same inputs as its gates, by Verilator: what the mapped netlist must equal."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import numpy as np

from rtl.synthesis.toggles import LANES
from rtl.verilator import build_library

_HARNESS = """\
#include "Vtop.h"
#include <cstdint>
#include <cstring>
#include <memory>
template <std::size_t N> void set(VlWide<N>& port, const uint32_t* words) { std::memcpy(&port[0], words, 4 * N); }
template <std::size_t N> void get(const VlWide<N>& port, uint32_t* words) { std::memcpy(words, &port[0], 4 * N); }
template <class P> void set(P& port, const uint32_t* words) {
    uint64_t value = words[0];
    if (sizeof(P) > 4) value |= uint64_t(words[1]) << 32;
    port = P(value);
}
template <class P> void get(const P& port, uint32_t* words) {
    const uint64_t value = port;
    words[0] = uint32_t(value);
    if (sizeof(P) > 4) words[1] = uint32_t(value >> 32);
}
extern "C" EXPORT void run(int lanes, int cycles, const uint32_t* inputs, uint32_t* outputs) {
    for (int lane = 0; lane < lanes; lane++) {
        auto context = std::make_unique<VerilatedContext>();
        auto top = std::make_unique<Vtop>(context.get());
        for (int cycle = 0; cycle < cycles; cycle++) {
@SET@
            @CLOCK@0; top->eval();
@GET@
            @CLOCK@1; top->eval();
        }
        top->final();
    }
}
"""


def _words(width: int) -> int:
    return (width + 31) // 32


def run_rtl(
    verilog: str, top: str, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, int], clock: str = "clk"
) -> dict[str, np.ndarray]:
    """Run Verilog in 64 lanes, each from its initial state.

    Parameters
    ----------
    verilog, top : str
        The design.
    inputs : mapping
        Words (cycles, bits) by port (`rtl.synthesis.toggles.lane_words`).
    outputs : mapping
        Bits of each output port to record.
    clock : str
        The clock's port; empty for a design without one.

    Returns
    -------
    dict
        Words (cycles, bits) by output port, as they stand before each rising edge.
    """
    sets, gets, at = [], [], 0
    columns = []
    cycles = max(len(words) for words in inputs.values())
    for name, words in inputs.items():
        sets.append(f"            set(top->{name}, inputs + {at});")
        columns.append(_lanes_first(words))
        at += columns[-1].shape[2]
    sets.append(f"            inputs += {at};")
    place: dict[str, tuple[int, int]] = {}
    at = 0
    for name, width in outputs.items():
        gets.append(f"            get(top->{name}, outputs + {at});")
        place[name] = (at, width)
        at += _words(width)
    gets.append(f"            outputs += {at};")
    tick = f"top->{clock} = " if clock else "(void)"
    harness = _HARNESS.replace("@SET@", "\n".join(sets)).replace("@GET@", "\n".join(gets)).replace("@CLOCK@", tick)
    library = ctypes.CDLL(str(build_library(verilog, top, harness)))
    given = np.ascontiguousarray(np.concatenate(columns, axis=2))
    taken = np.zeros((LANES, cycles, at), np.uint32)
    library.run(LANES, cycles, given.ctypes.data_as(ctypes.c_void_p), taken.ctypes.data_as(ctypes.c_void_p))
    return {
        name: _lanes_last(taken[:, :, start : start + _words(width)], width) for name, (start, width) in place.items()
    }


def _lanes_first(words: np.ndarray) -> np.ndarray:
    """Turn words (cycles, bits), a bit a lane, into uint32 words (lanes, cycles, words)."""
    cycles, width = words.shape
    bits = np.unpackbits(words[:, :, None].view(np.uint8), axis=2, bitorder="little")
    padded = np.zeros((LANES, cycles, 32 * _words(width)), np.uint8)
    padded[:, :, :width] = bits.transpose(2, 0, 1)
    return np.packbits(padded, axis=2, bitorder="little").view(np.uint32)


def _lanes_last(values: np.ndarray, width: int) -> np.ndarray:
    """Inverse of `_lanes_first`."""
    bits = np.unpackbits(np.ascontiguousarray(values).view(np.uint8), axis=2, bitorder="little")[:, :, :width]
    return np.packbits(np.ascontiguousarray(bits.transpose(1, 2, 0)), axis=2, bitorder="little").view(np.uint64)[
        :, :, 0
    ]
