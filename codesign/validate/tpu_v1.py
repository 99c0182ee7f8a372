"""TPU v1: the counters of three applications, Jouppi et al., ISCA 2017, table 3.

The paper gives layers, weights and batch of each application (table 1), not the sizes of the layers. `APPLICATIONS`
holds lists of ours with those totals; whole tiles of 256 where the paper counts no unused MACs. Activations stay in
the unified buffer, as there; weights come from DRAM tile by tile (64 KiB), each loaded, shifted in and used by itself,
as the paper's FIFO of tiles has it, across layers too. Cycles in which the matrix unit has no work by its program
(vector work, transfers, waiting for the layer before) are the paper's own counter, an input here: the other shares are
scaled by what it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from codesign.validate.comparison import Comparison
from codesign.validate.tables import read_table
from simulators.activity import as_dict
from simulators.machine import Machine
from simulators.machine_files import load_machine
from simulators.npu.counts import new_counts
from simulators.npu.cycle import run_cycle
from simulators.npu.in_place import activations_in_place
from simulators.npu.plan import Tiling
from simulators.npu.planner import Plan, compile_for, emit_program, plan_layer
from workloads.errors import CodesignError
from workloads.trace import Layer, Window

_SOURCE = "Jouppi et al., ISCA 2017, table 3"


@dataclass(frozen=True)
class Application:
    """An application by its layers as GEMMs.

    Attributes
    ----------
    inputs : int
        Rows that the activations of all layers have: the batch, times the pixels of a convolution.
    gemms : tuple of (int, int, int)
        (times, K, N), a convolution by im2col.
    rows_per_input : int
        Vectors that a row takes: 2 for 16-bit activations, which the 8-bit array takes at half rate.
    """

    inputs: int
    gemms: tuple[tuple[int, int, int], ...]
    rows_per_input: int = 1


#: Totals of table 1: MLP0 5 layers, 20 M weights, batch 200; LSTM0 24 matrix layers, 52 M, batch 64, 16-bit
#: activations; CNN0 16 layers (here 13 of 3 x 3, 3 of 1 x 1), 8 M, batch 8, 2888 MACs a weight byte = 8 x 19 x 19.
APPLICATIONS = {
    "MLP0": Application(200, ((5, 2000, 2000),)),
    "LSTM0": Application(64, ((12, 1536, 1536), (12, 1280, 1536)), rows_per_input=2),
    "CNN0": Application(8 * 19 * 19, ((13, 9 * 256, 256), (3, 256, 256))),
}
#: Points that a counter may differ; rows without an entry are shown and not judged.
_POINTS = {"MLP0": dict.fromkeys(("active", "useful", "unused", "stall", "shift"), 4.0),
           "LSTM0": {"stall": 6.0, "shift": 6.0}, "CNN0": {"active": 8.0}}  # fmt: skip
#: Share of TOPS that may differ.
_TOPS = {"LSTM0": 0.15}
_COLUMNS = {
    "active": "array_active_cycles_pct",
    "useful": "useful_macs_pct_of_peak",
    "unused": "unused_macs_pct",
    "stall": "weight_stall_cycles_pct",
    "shift": "weight_shift_cycles_pct",
}


def _plan(machine: Machine, rows: int, k: int, n: int) -> Plan:
    """Return a GEMM cut into weight tiles as large as the array, its rows into parts that the accumulators hold."""
    compiled, array = compile_for(machine), machine.array
    layer = Layer("gemm", "matmul", "matrix", Window(in_h=rows, in_c=k, out_h=rows, out_c=n))
    parts = -(-rows // (int(compiled.capacity[2]) // 2))
    tiling = Tiling("array", 1, -(-rows // parts), 1, min(n, array.cols), min(k, array.rows))
    plan = plan_layer(compiled, layer, tiling)
    if isinstance(plan, str):
        raise CodesignError(f"{machine.name}: a GEMM of {rows} x {k} x {n} does not fit: {plan}")
    return plan


def counters(machine: Machine, application: Application, non_matrix_pct: float) -> dict[str, float]:
    """Return an application's shares of cycles in percent by `_COLUMNS`, and ``tops``.

    Parameters
    ----------
    non_matrix_pct : float
        Share of all cycles in which the program has no work for the matrix unit.
    """
    rows, compiled = application.inputs * application.rows_per_input, compile_for(machine)
    counts: np.ndarray = new_counts()
    for times, k, n in application.gemms:
        plan = _plan(machine, rows, k, times * n)  # one after the other: the FIFO takes the next layer's tiles early
        run = run_cycle(machine, activations_in_place(emit_program(compiled, plan)))
        counts = counts + run.counts
    total, pes = as_dict(counts), machine.array.rows * machine.array.cols
    cycles = total["cycles"] / (1 - non_matrix_pct / 100)
    share = {
        "active": total["array_cycles"],
        "useful": total["macs"] / pes,
        "unused": total["array_cycles"] - total["macs"] / pes,
        "stall": total["execute_wait_token_load"],
        "shift": total["execute_wait_array"],
    }
    tops = 2 * total["macs"] / application.rows_per_input / (cycles / machine.clock_hz) / 1e12
    return {**{key: 100 * value / cycles for key, value in share.items()}, "tops": tops}


def comparisons() -> Iterator[Comparison]:
    """Yield the rows of TPU v1."""
    published, machine = (
        {row["metric"]: row for row in read_table("tpu_v1_isca2017_table3.csv")},
        load_machine("tpu_v1"),
    )
    for name, application in APPLICATIONS.items():
        ours = counters(machine, application, float(published["non_matrix_cycles_pct"][name]))
        for key, column in _COLUMNS.items():
            allowed, theirs = _POINTS[name].get(key), float(published[column][name])
            if allowed is None and theirs == 0:
                continue
            kind = "shown" if allowed is None else "points"
            yield Comparison(f"tpu_v1.{name}.{key}", ours[key], theirs, "% of cycles", allowed or 0, kind, _SOURCE)
        allowed, theirs = _TOPS.get(name), float(published["teraops_per_s_of_92_peak"][name])
        kind = "shown" if allowed is None else "relative"
        yield Comparison(f"tpu_v1.{name}.tops", ours["tops"], theirs, "TOPS", allowed or 0, kind, _SOURCE)
