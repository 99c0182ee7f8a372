"""Do rows that nobody recorded follow the array's arithmetic, in `cycle` and, with values, in `exact`?

The arithmetic is written down here, and in no simulator.
"""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import codesign as cd
from tests.simulators.npu.test_scalesim_exact import sums
from workloads.errors import CodesignError
from workloads.importers.scalesim import add_row
from workloads.network import Network
from workloads.transforms.random_values import random_values

FLOWS = ("ws", "os", "is")


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def gemm_of(topology: tuple[int, ...]) -> tuple[int, int, int]:
    """Return M, K, N; a convolution is the GEMM of its windows, without padding before."""
    if len(topology) == 3:
        m, n, k = topology
        return m, k, n
    height, width, r, s, channels, filters, stride_h = topology[:7]
    stride_w = topology[-1]
    out = ceil_div(height - r + stride_h, stride_h) * ceil_div(width - s + stride_w, stride_w)
    return out, r * s * channels, filters


def expected(topology: tuple[int, ...], rows: int, cols: int, flow: str) -> dict[str, int]:
    """Return what an array of rows x cols takes, folds one after the other."""
    m, k, n = gemm_of(topology)
    sr, sc, t = {"ws": (k, n, m), "is": (k, m, n), "os": (m, n, k)}[flow]
    fr, fc = ceil_div(sr, rows), ceil_div(sc, cols)
    fold = rows + cols + t - 2 + (0 if flow == "os" else rows)
    reads = {"ws": (fc * m * k, k * n, fr * m * n), "is": (m * k, fc * k * n, fr * m * n),
             "os": (fc * m * k, fr * k * n, m * n)}[flow]  # fmt: skip
    return {"cycles": fr * fc * fold, "folds": fr * fc, "mapped_pes": sr * sc, "macs": m * n * k,
            "scratchpad_read_elements": reads[0], "weight_read_elements": reads[1],
            "accumulator_write_elements": reads[2]}  # fmt: skip


def run(topology: tuple[int, ...], rows: int, cols: int, flow: str, **options):
    network = Network("rows", [], {}, (), (), "shapes only")
    add_row(network, "l", topology)
    overrides = [f"array.rows={rows}", f"array.cols={cols}"]
    return network, cd.run(network, f"scalesim_32x32_{flow}", set=overrides, **options)


def check(topology: tuple[int, ...], rows: int, cols: int, flow: str) -> None:
    """Compare `cycle` always; `exact`, with values, where it is small."""
    want = expected(topology, rows, cols, flow)
    runs = [run(topology, rows, cols, flow)[1]]
    if want["cycles"] * rows * cols < 2_000_000:
        network, exact = run(topology, rows, cols, flow, fidelity="exact", random_weights=3)
        runs.append(exact)
        if len(topology) < 8:
            weights = random_values(network, 3).tensors["l.weights"].data
            np.testing.assert_array_equal(exact.outputs["l.output"], sums(topology, exact.outputs["l.input"], weights))
    for result in runs:
        counters = result.layers["l"]["counters"]
        assert {name: counters[name] for name in want} == want, (result.fidelity, topology, rows, cols, flow)
        assert result.cycles == want["cycles"]


sizes = some.integers(1, 40)
gemms = some.tuples(*[some.integers(1, 150)] * 3)


@some.composite
def convolutions(draw):
    r, s = draw(some.integers(1, 5)), draw(some.integers(1, 5))
    height, width = r + draw(some.integers(0, 12)), s + draw(some.integers(0, 12))
    strides = draw(some.lists(some.integers(1, 6), min_size=1, max_size=2))
    return height, width, r, s, draw(some.integers(1, 40)), draw(some.integers(1, 60)), *strides


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(some.one_of(gemms, convolutions()), sizes, sizes, some.sampled_from(FLOWS))
def test_a_row_takes_what_the_array_takes(topology, rows, cols, flow):
    check(topology, rows, cols, flow)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(
    "topology",
    [
        (1, 1, 1),
        (7, 7, 7, 7, 3, 5, 1),  # a filter as large as its image
        (9, 9, 1, 1, 4, 4, 4),  # a stride beyond the filter: pixels never read
        (8, 8, 3, 3, 2, 4, 7),  # the last window hangs over the image
        (1, 12, 1, 5, 3, 2, 2),  # one line
        (10, 6, 3, 2, 4, 9, 2, 3),  # a stride for each axis
        (2, 300, 3),  # long and thin
    ],
    ids=str,
)
def test_edges_of_the_dialect(topology, flow):
    for rows, cols in ((1, 1), (4, 4), (3, 17), (64, 5)):
        check(topology, rows, cols, flow)


@pytest.mark.parametrize(("height", "width"), [(2, 5), (5, 2), (1, 1)])
def test_a_filter_larger_than_its_image_is_refused(height, width):
    with pytest.raises(CodesignError, match=f"row: a filter of 3x3 does not fit its input of {height}x{width}"):
        run((height, width, 3, 3, 4, 4, 1), 8, 8, "ws")


def test_a_filter_larger_than_its_image_is_refused_whatever_the_stride():
    with pytest.raises(CodesignError, match="does not fit"):
        run((2, 2, 3, 3, 4, 4, 2), 8, 8, "ws")


def test_a_three_n_gemm_on_an_n_array():
    for n in (1, 2, 16, 33):
        assert run((n, n, n), n, n, "os")[1].cycles == 3 * n - 2


def test_macs_are_conserved():
    topology = (19, 17, 3, 3, 5, 23, 2)
    assert {run(topology, 8, 8, flow)[1].macs for flow in FLOWS} == {prod(gemm_of(topology))}
