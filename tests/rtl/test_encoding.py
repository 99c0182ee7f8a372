"""Do packed commands say what the program says, and is what does not fit refused?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtl.encoding import ENGINE_BITS, ENGINE_FIELDS, command_bits, encode_command, encode_program
from rtl.parameters import NpuParameters, parameters_of
from simulators.machine_files import load_machine
from simulators.npu.exact_array import nest
from simulators.program import (
    EXECUTE_ENGINE,
    FIELDS,
    FILL,
    LOAD,
    LOAD_ENGINE,
    MATMUL,
    QUEUE_OF_OPCODE,
    SCRATCHPAD,
    STORE_ENGINE,
    VECTOR,
    VECTOR_ENGINE,
    WEIGHT_BUFFER,
    assemble,
    command,
    mask,
    token,
)  # fmt: skip
from tests.simulators.npu.programs import random_case
from workloads.errors import CodesignError


@pytest.fixture(scope="module")
def p() -> NpuParameters:
    return parameters_of(load_machine("small_npu_8x8"))


def unpacked(p: NpuParameters, word: int) -> dict[str, int]:
    """Return the fields of a packed command."""
    engine, body, found = word & 3, word >> ENGINE_BITS, {}
    for name, bits in ENGINE_FIELDS[engine](p):
        found[name] = body & ((1 << bits) - 1)
        body >>= bits
    assert body == 0
    return found | {"engine": engine}


def walk(fields: dict[str, int], steps: int, modulus: int) -> list[int]:
    """Return the addresses that an odometer goes through."""
    address, i0, i1, found = fields["address"], fields["i0"], fields["i1"], []
    for _ in range(steps):
        found.append(address % modulus)
        if i0 + 1 < fields["n0"]:
            i0, address = i0 + 1, address + fields["j0"]
        elif i1 + 1 < fields["n1"]:
            i0, i1, address = 0, i1 + 1, address + fields["j1"]
        else:
            i0, i1, address = 0, 0, address + fields["j2"]
    return found


extent, stride = st.integers(1, 9), st.integers(0, 40)


@given(extent, stride, extent, stride, stride, st.integers(0, 30), st.integers(0, 8000))
def test_an_odometer_walks_the_nest(n0, s0, n1, s1, s2, start, address):
    p = parameters_of(load_machine("small_npu_8x8"))
    row = command(
        MATMUL,
        memory=SCRATCHPAD,
        address=address,
        n0=n0,
        s0=s0,
        n1=n1,
        s1=s1,
        s2=s2,
        start=start,
        count=40,
        used_rows=1,
    )
    modulus = 1 << p.operand_address_bits
    table = np.array([int(row[name]) for name in FIELDS], np.int64)
    expected = [(address + int(nest(table, start + t))) % modulus for t in range(40)]
    assert walk(unpacked(p, encode_command(p, 0, row)), 40, modulus) == expected


@pytest.mark.parametrize("seed", range(5))
def test_every_field_of_a_random_program_is_there(seed):
    machine, program, _, _ = random_case(seed + 3)
    if machine.array.os_drain == "parallel" and machine.array.dataflow == "os":
        machine = machine.model_copy(update={"array": machine.array.model_copy(update={"os_drain": "shifted"})})
    p = parameters_of(machine)
    words = encode_program(p, program)
    assert words.shape == (len(program), -(-command_bits(p) // 32))
    for i, row in enumerate(program):
        fields = unpacked(p, int.from_bytes(words[i].tobytes(), "little"))
        assert fields["engine"] == QUEUE_OF_OPCODE[int(row["opcode"])]
        for name in ("count", "used_rows", "accumulate", "swap", "destination", "n0", "n1", "parameter_mode", "d_lane"):
            if name in fields:
                assert fields[name] == int(row[name]), (i, name)


def test_a_mask_keeps_the_tokens_of_its_engine(p):
    waits, gives = mask(token(VECTOR_ENGINE, EXECUTE_ENGINE, 3)), mask(token(EXECUTE_ENGINE, STORE_ENGINE, 1))
    row = command(MATMUL, memory=SCRATCHPAD, waits=waits, gives=gives)
    fields = unpacked(p, encode_command(p, 0, row))
    assert (fields["waits"], fields["gives"]) == (1 << (VECTOR_ENGINE * 4 + 3), 1 << (STORE_ENGINE * 4 + 1))


REFUSED = [
    (command(LOAD, waits=mask(token(LOAD_ENGINE, STORE_ENGINE))),
     "command 0: a load waits for a token of another engine than load"),
    (command(FILL, gives=mask(token(VECTOR_ENGINE, LOAD_ENGINE))),
     "command 0: a fill gives a token of another engine than load"),
    (command(MATMUL, memory=WEIGHT_BUFFER), "command 0: a matmul of a ws array reads the scratchpad in RTL"),
    (command(MATMUL, memory=SCRATCHPAD, count=1 << 16), "command 0: count 65536 is more than the RTL's 65535"),
    (command(VECTOR, value=13), "command 0: 'layer_norm' has no values in RTL; this machine has requantize, depthwise, "
     "max_pool, average_pool, add, mul"),
    (command(VECTOR, high=600), "command 0: high 600 does not fit in 10 signed bits"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "message"), REFUSED)
def test_what_does_not_fit_is_refused(p, row, message):
    with pytest.raises(CodesignError) as raised:
        encode_program(p, assemble([row]))
    assert str(raised.value) == message


NO_RTL = [
    ("scalesim_32x32_ws", [], "memory.model: 'resident' moves nothing, so there is no DMA to generate; use 'simple'"),
    ("small_npu_8x8", ["array.dataflow=os", "array.os_drain=parallel"],
     "array.os_drain: 'parallel' is an idealised drain without RTL; use 'shifted'"),
    ("small_npu_8x8", ["array.pe.activation=bf16", "array.pe.weight=bf16", "array.pe.accumulator=fp32"],
     "array.pe.activation: 'bf16' has a PE but no NPU in RTL; use an integer format"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "overrides", "line"), NO_RTL)
def test_a_machine_without_rtl_says_why(name, overrides, line):
    with pytest.raises(CodesignError) as raised:
        parameters_of(load_machine(name, overrides))
    assert f"{name}: {line}" in str(raised.value).splitlines()
