"""Attention on the arrays: of new tokens when there is no PIM, and of whole prompts, which PIM has no use for.

Each array takes a head of a request at a time: queries stay, keys stream; then scores stay, values stream. Keys and
values come from DRAM once; scores stay on chip. The whole square of a prompt's scores is computed, masked or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from simulators.pim.system.block import OPERAND_BYTES, Block
from simulators.pim.system.npu import Npu, Row, Stage


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _head_cycles(npu: Npu, queries: int, keys: int, head_size: int) -> int:
    """Return the cycles of one array for a head: its products are tiles of stationary operands and what streams by."""
    rows, cols = npu.arrays.rows, npu.arrays.cols
    query_tiles = _ceil(queries, cols)
    scores = query_tiles * _ceil(head_size, rows) * (rows + keys)
    mixed = query_tiles * _ceil(keys, rows) * (rows + head_size)
    return scores + mixed


def decode_on_arrays(npu: Npu, block: Block, lengths: Iterable[int]) -> Stage:
    """Return a layer's attention of one new token of each request, keys and values read from DRAM."""
    return _attention(npu, block, [(block.decoder.groups, 1, length) for length in lengths])


def prefill_on_arrays(npu: Npu, block: Block, lengths: Iterable[int]) -> Stage:
    """Return a layer's attention of whole prompts."""
    return _attention(npu, block, [(block.decoder.groups * length, length, length) for length in lengths])


def _attention(npu: Npu, block: Block, heads: list[tuple[int, int, int]]) -> Stage:
    """Return the attention of requests: queries of a key-value head, tokens, keys of each."""
    size = block.decoder.size_of_head
    work = sum(_head_cycles(npu, queries, keys, size) for queries, _, keys in heads)
    array = _ceil(work * block.kv_heads, npu.arrays.number) + npu.arrays.rows + npu.arrays.cols - 2
    read = sum(2 * keys + queries for queries, _, keys in heads) * block.kv_heads * size * OPERAND_BYTES
    written = sum(tokens for _, tokens, _ in heads) * block.heads * size * OPERAND_BYTES
    memory = npu.long_stream_cycles(read + written)
    vector = npu.vector_cycles("softmax", sum(queries * keys for queries, _, keys in heads) * block.kv_heads)
    cycles = max(array, memory, vector)
    bound = {array: "array", vector: "vector", memory: "memory"}[cycles]
    macs = 2 * sum(queries * keys for queries, _, keys in heads) * block.kv_heads * size
    return Stage((Row("attention", cycles, read + written, bound),), read, written, macs)
