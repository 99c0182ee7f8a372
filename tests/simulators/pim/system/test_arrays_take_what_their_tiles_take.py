"""Do arrays that share a product take the clocks that its tiles need, in the order in which they come?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.pim.system.arrays import Arrays, blocks_of, compute_clocks, parts_of
from simulators.pim.system.block import Product

EIGHT = Arrays(128, 128, 8, 8 << 20, False)
SMALL = Arrays(4, 4, 2, 64 * 4, False)


def plain(arrays, arrived, passes):
    """One stationary tile after the other, each tile of weights when it is there."""
    free, i, parts = 0, 0, list(zip(arrived, passes, strict=True))
    while i < len(parts):
        here, tiles = parts[i][0], []
        i += 1
        while i < len(parts) and parts[i][1]:
            tiles.append(parts[i])
            i += 1
        for meeting in range(tiles[0][1] if tiles else 0):
            preload = max(here, free - arrays.rows if arrays.shadow else free)
            free = max(free, preload + arrays.rows)
            for came, _ in tiles:
                free = max(free, came if meeting == 0 else 0) + -(-arrays.rows // arrays.number)
    return free + arrays.rows + arrays.cols - 2


@pytest.mark.parametrize("tokens", [1, 32, 128])
def test_up_to_a_tile_of_tokens_the_time_is_flat(tokens):
    sizes, passes = parts_of(EIGHT, Product("p", 4096, 3072), tokens)
    clocks = compute_clocks(EIGHT, np.zeros(len(sizes), np.int64), passes)
    assert clocks == 32 * (128 + 24 * 16) + 254


def test_more_tokens_take_more_stationary_tiles_and_shadow_registers_hide_their_preload():
    sizes, passes = parts_of(EIGHT, Product("p", 256, 1024), 256)
    nothing = np.zeros(len(sizes), np.int64)
    assert compute_clocks(EIGHT, nothing, passes) == 2 * 2 * (128 + 8 * 16) + 254
    hidden = EIGHT._replace(shadow=True)
    assert compute_clocks(hidden, nothing, passes) == 128 + 2 * 2 * 8 * 16 + 254


def clocks_alone(arrays, product, tokens):
    sizes, passes = parts_of(arrays, product, tokens)
    return compute_clocks(arrays, np.zeros(len(sizes), np.int64), passes), int(sizes.sum())


def test_many_tokens_are_cut_for_fewer_preloads_where_the_memory_has_time_and_for_fewer_bytes_where_it_has_not():
    product = Product("p", 4096, 4096)
    slow, slow_bytes = clocks_alone(EIGHT, product, 1024)
    fast, fast_bytes = clocks_alone(EIGHT._replace(bytes_per_clock=1024.0), product, 1024)
    assert fast < 0.85 * slow
    assert fast_bytes > slow_bytes
    assert clocks_alone(EIGHT._replace(bytes_per_clock=100.0), product, 1024) == (slow, slow_bytes)


products = st.builds(Product, st.just("p"), st.integers(1, 30), st.integers(1, 30))


@settings(max_examples=60, deadline=None)
@given(products, st.integers(1, 20), st.booleans(), st.sampled_from([0.0, 1.0, 30.0]), st.integers(0, 1 << 30))
def test_any_product_is_cut_whole_and_takes_what_plain_python_says(product, tokens, shadow, rate, seed):
    arrays = SMALL._replace(shadow=shadow, bytes_per_clock=rate)
    cut = blocks_of(arrays, product, tokens)
    assert cut.tokens * cut.columns * 4 <= max(arrays.sum_bytes, 4 * arrays.rows * min(tokens, arrays.cols))
    sizes, passes = parts_of(arrays, product, tokens)
    assert sizes[passes > 0].sum() == product.weight_bytes * cut.token_blocks
    assert sizes[passes == 0].sum() == tokens * product.depth * 2 * cut.column_blocks
    arrived = np.sort(np.random.default_rng(seed).integers(0, 200, len(sizes)))
    assert compute_clocks(arrays, arrived, passes) == plain(arrays, arrived.tolist(), passes.tolist())
