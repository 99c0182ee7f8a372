"""Does a whole channel, scheduler and bank MACs, give the dot products of attention for its list of commands?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtl.pim.channel_bench import run_channel
from rtl.pim.parameters import unit_parameters
from rtl.synthesis.streams import float_patterns
from simulators.pim.attention import AttentionShape, k_tiles, program_of
from simulators.pim.device import PimDevice
from simulators.pim.devices import NAIVE, NEUPIMS, NEWTON
from tests.rtl.pim.command_lists import ROWS, random_list
from tests.rtl.pim.unit_model import expected, random_rows
from workloads.formats import parse_format


def small(device: PimDevice, **changes) -> PimDevice:
    """Four banks in two groups; rows stay open till a DOT ends."""
    organization = device.standard.organization._replace(ranks=1, bankgroups=2, banks=2)
    standard = replace(device.standard, organization=organization)
    return replace(device, standard=standard, **({"dot_holds_row": True} | changes))


def wanted(device: PimDevice, form: str, program: np.ndarray, rows: np.ndarray) -> np.ndarray:
    commands = np.stack([np.arange(len(program)), program[:, 0], program[:, 2], program[:, 1]], axis=1)
    return expected(unit_parameters(device, form), commands, rows)


def keys_of(device: PimDevice, form: str, keys: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Lay bit patterns of keys (tokens, values) out: row 0 of bank 0 is the query, then a token a bank."""
    tiles, p = -(-len(keys) // device.banks), unit_parameters(device, form)
    bits = np.zeros((1 + tiles, device.banks, device.page_operands), f"<u{device.operand_bytes}")
    bits[0, 0, : len(query)] = query
    for token, key in enumerate(keys):
        bits[1 + token // device.banks, token % device.banks, : len(key)] = key
    return bits.view(np.uint8).reshape(len(bits), device.banks, p.columns, -1)


def logits(device: PimDevice, form: str, keys: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return what the RTL gives for two heads of 128, bit patterns (tokens, heads)."""
    rows = keys_of(device, form, keys, query)
    program = program_of(device, k_tiles(device, AttentionShape(256, 2), len(keys)))
    found = run_channel(device, form, program, rows)
    assert np.array_equal(found, wanted(device, form, program, rows))
    return found.reshape(-1, 2, device.banks).transpose(0, 2, 1).reshape(-1, 2)[: len(keys)]


def test_logits_of_a_request_in_int8() -> None:
    """K.q of ten tokens is numpy's."""
    rng = np.random.default_rng(1)
    keys, query = (rng.integers(-128, 128, size) for size in ((10, 256), 256))
    found = logits(small(NEUPIMS, operand_bytes=1), "int8", keys & 255, query & 255)
    assert np.array_equal(found.view(np.int32), (keys * query).reshape(-1, 2, 128).sum(axis=2))


@pytest.mark.slow
def test_logits_of_a_request_in_bf16() -> None:
    """Bit for bit as the adder tree sums, and near numpy's."""
    rng = np.random.default_rng(1)
    keys, query = (rng.standard_normal(size).astype(np.float32) for size in ((10, 256), 256))
    found = logits(small(NEUPIMS), "bf16", *(float_patterns(x, parse_format("bf16")) for x in (keys, query)))
    exact = (keys * query).reshape(-1, 2, 128).sum(axis=2)
    assert found.view(np.float32) == pytest.approx(exact, abs=0.3)  # operands have 8 significant bits
    assert np.abs(exact).max() > 10


@pytest.mark.slow
@pytest.mark.parametrize("form", ["bf16", "int8"])
@pytest.mark.parametrize("device", [NEUPIMS, NAIVE, NEWTON], ids=lambda d: d.name)
def test_random_lists(device: PimDevice, form: str) -> None:
    described = small(device, operand_bytes=2 if form == "bf16" else 1)
    program = random_list(described, 60, 5)
    rows = random_rows(unit_parameters(described, form), ROWS, 5)
    assert np.array_equal(run_channel(described, form, program, rows), wanted(described, form, program, rows))


@pytest.mark.slow
def test_rows_that_close_under_a_dot_lose_it() -> None:
    """The NeuPIMs simulator lets PIM_PRE follow a DOT's slot, not its end: with real banks the sums are wrong."""
    device = small(NEUPIMS, dot_holds_row=False)
    program = random_list(device, 20, 6)
    rows = random_rows(unit_parameters(device, "bf16"), ROWS, 6)
    found, right = run_channel(device, "bf16", program, rows), wanted(device, "bf16", program, rows)
    assert found.shape == right.shape
    assert (found != right).any()
