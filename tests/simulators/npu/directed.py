"""Hand-made programs: one for each opcode and one for each kind of waiting that random programs seldom meet."""

from __future__ import annotations

import numpy as np

from simulators.program import (
    ADD,
    DEPTHWISE,
    FILL,
    LOAD,
    MATMUL,
    MAX_POOL,
    PARAMETERS,
    PRELOAD,
    REQUANTIZE,
    SCRATCHPAD,
    STORE,
    VECTOR,
    WEIGHT_BUFFER,
    assemble,
    command,
    mask,
    token,
)

LOADED, LOADED_WEIGHTS = token(0, 1, 0), token(0, 1, 1)


def directed_dram(seed: int = 0, size: int = 4096) -> np.ndarray:
    """Return random bytes with eight sensible parameter entries at 1024."""
    dram = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    words = np.zeros((8, 3), "<i4")
    words[:, 0], words[:, 1], words[:, 2] = np.arange(8) * 5, 1 << 20, 24
    dram[1024 : 1024 + words.nbytes] = np.frombuffer(words.tobytes(), np.uint8)
    return dram


def gemm_program(m: int, k: int, n: int, dataflow: str, blocks: bool) -> np.ndarray:
    """Return loads and one fold of an (m, k) by (k, n) product; A at DRAM 0, B at DRAM 1024, both row-major."""
    loads = [
        command(LOAD, memory=SCRATCHPAD, n0=m * k, gives=mask(LOADED)),
        command(LOAD, memory=WEIGHT_BUFFER, n0=k * n, dram_address=1024, gives=mask(LOADED_WEIGHTS)),
    ]
    if dataflow == "os":
        steps = {"count": k // m, "n0": k, "s0": m} if blocks else {"count": k, "n0": k, "s0": 1}
        lanes = {"lane_n0": m, "lane_s0": k, "used_rows": m, "used_cols": n}
        waits = mask(LOADED, LOADED_WEIGHTS)
        return assemble([*loads, command(MATMUL, weight_stride=n, waits=waits, **steps, **lanes)])
    stay, flow = (SCRATCHPAD, WEIGHT_BUFFER) if dataflow == "is" else (WEIGHT_BUFFER, SCRATCHPAD)
    ready = (LOADED, LOADED_WEIGHTS) if dataflow == "is" else (LOADED_WEIGHTS, LOADED)
    tile = {"n0": k, "s0": n, "lane_n0": n, "lane_s0": 1, "used_cols": n}
    vectors = {"count": m, "n0": m, "s0": k, "lane_n0": k, "lane_s0": 1, "used_cols": n}
    if dataflow == "is":  # the transposed product: A stays, columns of B stream
        tile = {"n0": k, "s0": 1, "lane_n0": m, "lane_s0": k, "used_cols": m}
        vectors = {"count": n, "n0": n, "s0": 1, "lane_n0": k, "lane_s0": n, "used_cols": m}
    return assemble(
        [
            *loads,
            command(PRELOAD, memory=stay, used_rows=k, waits=mask(ready[0]), **tile),
            command(MATMUL, memory=flow, used_rows=k, swap=1, waits=mask(ready[1]), **vectors),
        ]
    )


def back_to_back(folds: int, count: int, dataflow: str = "os") -> np.ndarray:
    """Return matmuls on buffers that a fill wrote, each with its own accumulator words."""
    fills = [
        command(FILL, memory=SCRATCHPAD, n0=64, value=3, gives=mask(LOADED)),
        command(FILL, memory=WEIGHT_BUFFER, n0=64, value=-2, gives=mask(LOADED_WEIGHTS)),
    ]
    shape = {"n0": 8, "s0": 1, "lane_n0": 8, "lane_s0": 4, "used_rows": 4, "used_cols": 4}
    commands = list(fills)
    for fold in range(folds):
        first = mask(LOADED, LOADED_WEIGHTS) if fold == 0 else 0
        if dataflow != "os":
            commands.append(command(PRELOAD, memory=WEIGHT_BUFFER, waits=first, **shape))
            first = 0
        swap = int(dataflow != "os")
        commands.append(command(MATMUL, count=count, destination=fold * 16, swap=swap, waits=first, **shape))
    return assemble(commands)


def copy_program(rows: int, width: int, gap: int) -> np.ndarray:
    """Return a strided load, a store of it elsewhere, and a load that waits for the store."""
    shape = {"n0": width, "n1": rows, "s1": width}
    return assemble(
        [
            command(LOAD, dram_address=5, d_s0=width + gap, gives=mask(token(0, 3)), **shape),
            command(STORE, dram_address=2048, d_s0=width, waits=mask(token(0, 3)), gives=mask(token(3, 0)), **shape),
            command(LOAD, address=1024, n0=width * rows, dram_address=2048, waits=mask(token(3, 0))),
        ]
    )


def vector_program(function: int, taps: int, channels: int, mode: int) -> np.ndarray:
    """Return loads of operands, weights and parameters, one vector command and its store."""
    ready = [token(0, 2, 0), token(0, 2, 1), token(0, 2, 2)]
    return assemble(
        [
            command(LOAD, memory=SCRATCHPAD, n0=64, gives=mask(ready[0])),
            command(LOAD, memory=WEIGHT_BUFFER, n0=64, dram_address=64, gives=mask(ready[1])),
            command(LOAD, memory=PARAMETERS, n0=24, dram_address=1024, gives=mask(ready[2])),
            command(
                VECTOR, memory=SCRATCHPAD, n0=4, s0=channels, n1=2, s1=3, count=8, lane_n0=taps, lane_s0=2,
                used_cols=channels, destination=128, d_s0=channels, d_s1=4 * channels, d_lane=1, weight_stride=channels,
                value=function, parameter_mode=mode, zero_point_0=2, zero_point_1=-3, output_zero_point=1,
                low=-100, high=100, waits=mask(*ready), gives=mask(token(2, 3)),
            ),
            command(STORE, address=128, n0=8 * channels, dram_address=2048, waits=mask(token(2, 3))),
        ]
    )  # fmt: skip


def execute_waits_for_store() -> np.ndarray:
    """Return a matmul that waits for a store, and one that waits for the vector engine."""
    shape = {"n0": 4, "s0": 4, "lane_n0": 4, "lane_s0": 1, "used_rows": 4, "used_cols": 4}
    return assemble(
        [
            command(FILL, n0=64, value=5, gives=mask(token(0, 3), LOADED)),
            command(FILL, memory=WEIGHT_BUFFER, n0=64, value=2, gives=mask(LOADED_WEIGHTS)),
            command(STORE, n0=64, dram_address=512, waits=mask(token(0, 3)), gives=mask(token(3, 1))),
            command(PRELOAD, memory=WEIGHT_BUFFER, waits=mask(token(3, 1), LOADED_WEIGHTS), **shape),
            command(MATMUL, count=4, swap=1, waits=mask(LOADED), gives=mask(token(1, 2)), **shape),
            command(
                VECTOR, memory=2, n0=4, s0=1, count=4, used_cols=4, destination=64, d_s0=4, d_lane=1,
                value=REQUANTIZE, low=-128, high=127, waits=mask(token(1, 2)), gives=mask(token(2, 1)),
            ),
            command(MATMUL, count=4, waits=mask(token(2, 1)), **shape),
        ]
    )  # fmt: skip


def directed() -> dict[str, tuple[dict[str, object], np.ndarray]]:
    """Return, by name, array fields of a 4 x 4 machine and a program for it."""
    cases: dict[str, tuple[dict[str, object], np.ndarray]] = {
        "copy": ({}, copy_program(5, 13, 6)),
        "waits": ({}, execute_waits_for_store()),
        "depthwise": ({}, vector_program(DEPTHWISE, 3, 4, 1)),
        "max_pool": ({}, vector_program(MAX_POOL, 4, 3, 0)),
        "add": ({}, vector_program(ADD, 2, 6, 3)),
    }
    for drain in ("shifted", "parallel"):
        for conv in ("shifted", "im2col"):
            for overlap in (True, False):
                for count in (1, 2, 5):
                    fields = {"dataflow": "os", "os_drain": drain, "convolution": conv, "fold_overlap": overlap}
                    cases[f"os {drain} {conv} {overlap} {count}"] = (fields, back_to_back(4, count))
    for shadow in (True, False):
        for overlap in (True, False):
            for count in (1, 9):
                fields = {"dataflow": "ws", "shadow_weights": shadow, "fold_overlap": overlap}
                cases[f"ws {shadow} {overlap} {count}"] = (fields, back_to_back(4, count, "ws"))
    return cases
