"""Eyeriss on AlexNet at batch 4: latency, buffer and DRAM traffic, power; Chen et al., JSSC 2017.

Layers and the mapping of each are the paper's; the passes, their cycles and words are the simulator's. Shares of zeros
are the paper's column: of a layer's inputs as measured, of its outputs as those of the next layer's inputs.
"""

from __future__ import annotations

from collections.abc import Iterator

from codesign.costs.energy import energy
from codesign.validate.comparison import Comparison
from codesign.validate.tables import read_table
from simulators.activity import as_dict
from simulators.machine import Machine
from simulators.machine_files import load_machine
from simulators.npu.row_stationary import RowStationaryMapping, run_row_stationary
from simulators.npu.row_stationary_mapper import choose_row_stationary
from workloads.trace import Window

_SOURCE = "Chen et al., JSSC 2017"
BATCH = 4
#: AlexNet: rows of the image that is not padded, and groups, by layer.
_IMAGE = {"CONV1": (227, 1), "CONV2": (27, 2), "CONV3": (13, 1), "CONV4": (13, 2), "CONV5": (13, 2)}
_LETTERS = ("m", "n", "e", "p", "q", "r", "t")


def layers() -> dict[str, tuple[Window, RowStationaryMapping]]:
    """Return AlexNet's convolutions at `BATCH` with the paper's mapping of each."""
    found = {}
    for row in read_table("eyeriss_mapping_alexnet.csv"):
        side, groups = _IMAGE[row["layer"]]
        v = {key: int(value) for key, value in row.items() if key != "layer"}
        pad = (v["H_padded"] - side) // 2
        window = Window(
            batch=BATCH, in_h=side, in_w=side, in_c=v["C"] * groups, out_h=v["E"], out_w=v["E"], out_c=v["M"],
            kernel_h=v["R"], kernel_w=v["R"], stride_h=v["U_stride"], stride_w=v["U_stride"], pad_top=pad, pad_left=pad,
            groups=groups,
        )  # fmt: skip
        found[row["layer"]] = window, RowStationaryMapping(*(v[letter] for letter in _LETTERS))
    return found


def measures(machine: Machine, chosen: bool = False) -> dict[str, dict[str, float]]:
    """Return ours by layer: ``processing_ms``, ``total_ms``, ``buffer_mb``, ``dram_mb``, ``chip_mj``, ``pes``.

    Parameters
    ----------
    chosen : bool
        Whether the mapper chooses, in place of the paper's mapping.
    """
    published = {
        row["layer"]: float(row["ifmap_zeros_pct"]) / 100 for row in read_table("eyeriss_jssc2017_alexnet.csv")
    }
    table = layers()
    names, found = list(table), {}
    for i, (name, (window, mapping)) in enumerate(table.items()):
        zeros = published[name], published[names[i + 1]] if i + 1 < len(names) else 0.0
        if chosen:
            _, run = choose_row_stationary(machine, window, *zeros)
        else:
            run = run_row_stationary(machine, window, mapping, *zeros)
        counts = as_dict(run.counts)
        word = machine.array.row_stationary.psum_bits // 8
        sums = 2 * counts["accumulator_write_elements"]  # each is read back: to be added to, or to leave
        spent = energy(machine, counts)
        found[name] = {
            "processing_ms": 1e3 * run.processing_cycles / machine.clock_hz,
            "total_ms": 1e3 * run.cycles / machine.clock_hz,
            "buffer_mb": word * (counts["scratchpad_read_elements"] + sums) / 1e6,
            "dram_mb": (counts["dram_read_bytes"] + counts["dram_write_bytes"]) / 1e6,
            "chip_mj": (spent.total_pj - spent.by_component["dram"]) * 1e-9,
            "pes": counts["mapped_pes"] / counts["folds"],
        }
    return found


def comparisons() -> Iterator[Comparison]:
    """Yield the rows of Eyeriss."""
    machine = load_machine("eyeriss")
    published = {row["layer"]: row for row in read_table("eyeriss_jssc2017_alexnet.csv")}
    ours = measures(machine)
    total = {key: sum(row[key] for row in ours.values()) for key in ours["CONV1"]}

    def row(case: str, figure: str, value: float, column: str, unit: str, allowed: float | None) -> Comparison:
        kind = "shown" if allowed is None else "relative"
        theirs = float(published["Total" if case == "sum" else case][column])
        return Comparison(f"eyeriss.{case}.{figure}", value, theirs, unit, allowed or 0, kind, _SOURCE)

    for name, one in {**ours, "sum": total}.items():
        is_sum = name == "sum"
        yield row(name, "processing", one["processing_ms"], "processing_latency_ms", "ms", 0.06 if is_sum else 0.12)
        yield row(name, "total", one["total_ms"], "total_latency_ms", "ms", None)
        yield row(name, "buffer", one["buffer_mb"], "global_buffer_access_MB", "MB", 0.15 if is_sum else None)
        yield row(name, "dram", one["dram_mb"], "dram_access_MB", "MB", 0.15 if is_sum else None)
        power = 1e3 * one["chip_mj"] / one["total_ms"]
        yield row(name, "power", power, "power_mW", "mW", 0.30 if is_sum else None)
    chosen = sum(one["processing_ms"] for one in measures(machine, chosen=True).values())
    yield row("sum", "processing_mapped_here", chosen, "processing_latency_ms", "ms", None)
