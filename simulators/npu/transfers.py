"""How a load or store is cut into requests: geometry only, shared by all fidelities (the RTL has its own)."""

from __future__ import annotations

from simulators.kernels import inlined_kernel
from simulators.npu.config import PARAMETER_BITS, C
from simulators.program import PARAMETERS, WEIGHT_BUFFER, F

_BUS, _BUS_SHIFT, _BURST_SHIFT = C["bus_bytes"], C["bus_shift"], C["burst_shift"]  # both are powers of two
_ACTIVATION_BITS, _WEIGHT_BITS = C["activation_bits"], C["weight_bits"]
_MEMORY, _N0, _N1, _COUNT = F["memory"], F["n0"], F["n1"], F["count"]
_ROW_STRIDE, _PLANE_STRIDE, _DRAM = F["d_s0"], F["d_s1"], F["dram_address"]


@inlined_kernel
def element_bits(config, memory):
    """Return the width of an element as the DMA moves it to or from an on-chip memory."""
    if memory == WEIGHT_BUFFER:
        return config[_WEIGHT_BITS]
    if memory == PARAMETERS:
        return PARAMETER_BITS
    return config[_ACTIVATION_BITS]


@inlined_kernel
def row_bytes(config, row):
    """Return the bytes of one row of a transfer."""
    return (row[_N0] * element_bits(config, row[_MEMORY]) + 7) // 8


@inlined_kernel
def row_address(row, index):
    """Return the DRAM byte at which row `index` (planes x rows, flat) of a transfer starts."""
    if index == 0:
        return row[_DRAM]
    plane = index // row[_N1]
    return row[_DRAM] + plane * row[_PLANE_STRIDE] + (index - plane * row[_N1]) * row[_ROW_STRIDE]


@inlined_kernel
def request_at(config, row, index, offset):
    """Return (address, bytes, beats) of the request that starts `offset` bytes into row `index`."""
    address = row_address(row, index) + offset
    boundary = ((address >> config[_BURST_SHIFT]) + 1) << config[_BURST_SHIFT]
    size = min(row_bytes(config, row) - offset, boundary - address)
    beats = ((address + size - 1) >> config[_BUS_SHIFT]) - (address >> config[_BUS_SHIFT]) + 1
    return address, size, beats


@inlined_kernel
def fill_beats(config, row):
    """Return the beats of one row of a fill."""
    bits = element_bits(config, row[_MEMORY])
    return (row[_N0] * bits + 8 * config[_BUS] - 1) // (8 * config[_BUS])


@inlined_kernel
def rows_of(row):
    """Return how many rows a transfer has."""
    return row[_COUNT] * row[_N1]
