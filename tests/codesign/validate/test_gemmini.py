"""Does the rebuilt library of Gemmini cut, call and count as its source says?"""

from dataclasses import replace

import pytest

from codesign.compat.gemmini import MECHANISMS, calls, host_cycles, is_host
from codesign.compat.gemmini_tiles import (
    COLUMNS,
    INPUTS,
    OUTPUTS,
    ROWS,
    Halves,
    Pool,
    _conv_fits,
    conv_tile,
    matmul_tile,
)
from codesign.validate.gemmini import cycles
from simulators.machine_files import load_machine
from workloads.trace import Layer, Trace, Window

MACHINE = load_machine("gemmini_16x16")
HALVES = Halves.of(MACHINE)
STEM = Window(4, 224, 224, 3, 112, 112, 64, 7, 7, 2, 2, 1, 1, 3, 3)
THREE = Window(4, 28, 28, 128, 28, 28, 128, 3, 3, 1, 1, 1, 1, 1, 1)


def layer(name, window, engine="matrix", function=""):
    ends = ((f"{name}.in",), (f"{name}.out",))
    macs = window.macs if engine == "matrix" else 0
    return Layer(name, function or "conv", engine, window, *ends, function=function, macs=macs)


def small_network():
    conv = layer("conv", Window(2, 12, 12, 16, 12, 12, 32, 3, 3, 1, 1, 1, 1, 1, 1))
    pool = layer("pool", Window(2, 12, 12, 32, 6, 6, 32, 3, 3, 2, 2, 1, 1, 1, 1), "vector", "max_pool")
    product = layer("product", Window(2, 6, 6, 32, 6, 6, 128))
    average = layer("average", Window(2, 6, 6, 128, 1, 1, 128, 6, 6), "vector", "average_pool")
    pool = replace(pool, inputs=conv.outputs)
    return Trace("small", [conv, pool, product, average])


def test_halves_are_those_of_the_one_memory():
    assert (HALVES.dim, HALVES.operands, HALVES.sums) == (16, 8192, 512)


@pytest.mark.parametrize(
    ("product", "tile"),
    [
        ((12544, 64, 256), (80, 64, 96)),  # five and six blocks fill 30 of 32
        ((12544, 64, 64), (128, 64, 64)),  # four wide: rows grow to eight
        ((784, 1024, 256), (80, 816, 80)),  # 51 deep: a sixth column would not fit beside it
        ((4, 2048, 1000), (16, 896, 128)),
    ],
)
def test_tiles_of_products(product, tile):
    assert matmul_tile(*product, HALVES) == tile


@pytest.mark.parametrize(("window", "pool", "pooled"), [(THREE, Pool(), None), (STEM, Pool(3, 2), 56)])
def test_a_tile_of_a_convolution_fits_and_cannot_grow(window, pool, pooled):
    tile = conv_tile(window, HALVES, pool, pooled)
    assert _conv_fits(tile, window, HALVES, pool)
    most = (window.batch, pooled or 28, pooled or 28, window.out_c, window.kernel_h, window.kernel_w, window.in_c)
    for extent, limit in enumerate(most):
        larger = [size + (at == extent) for at, size in enumerate(tile)]
        assert larger[extent] > limit or not _conv_fits(larger, window, HALVES, pool)


def test_columns_stay_as_wide_as_the_array():
    tile = conv_tile(THREE, HALVES)
    assert (tile[ROWS], tile[COLUMNS], tile[OUTPUTS], tile[INPUTS]) == (8, 16, 16, 128)


def test_sums_under_two_tiles_of_pooling_are_computed_twice():
    stem = layer("stem", STEM)
    pool = replace(layer("pool", Window(4, 112, 112, 64, 56, 56, 64, 3, 3, 2, 2, 1, 1, 1, 1), "vector", "max_pool"),
                   inputs=stem.outputs)  # fmt: skip
    (call,) = calls(Trace("stem", [stem, pool]), MACHINE)
    # 28 tiles of 6 rows, 3 of 42, 42 and 34 columns, less one at each end where the padding lies.
    assert (call.layer.window.out_h, call.layer.window.out_w) == (28 * 6 - 2, 42 + 42 + 34 - 2)
    assert (call.tiling.images, call.tiling.out_h, call.tiling.out_w) == (2, 6, 42)


def test_the_host_waits_for_each_byte_that_its_cache_loses():
    wide = layer("average", Window(4, 7, 7, 2048, 1, 1, 2048, 7, 7), "vector", "average_pool")
    assert is_host(wide)
    assert host_cycles(wide, MACHINE) == 4 * 49 * 2048 * (5 + 80 + 4)  # 49 lines in two sets of four
    narrow = replace(wide, window=Window(1, 4, 4, 64, 1, 1, 64, 4, 4))
    assert host_cycles(narrow, MACHINE) == 16 * 64 * 5 + 16 * (80 + 4)  # 16 lines in 16 sets


def test_what_the_host_and_the_store_do_is_called_no_more():
    called = [call.layer.name for call in calls(small_network(), MACHINE)]
    assert called == ["conv", "product"]
    assert [call.layer.name for call in calls(small_network(), MACHINE, ())] == ["conv", "pool", "product", "average"]


def test_operands_biases_rows_and_the_fence_each_cost_cycles():
    trace = small_network()
    taken = [sum(cycles(trace, mechanisms=MECHANISMS[:last])) for last in range(3, len(MECHANISMS) + 1)]
    assert taken == sorted(set(taken))
