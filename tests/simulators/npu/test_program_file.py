"""Is a program saved, read back, listed and refused as it should be?"""

import numpy as np
import pytest

from simulators.program import (
    COMMAND,
    FIELDS,
    LOAD,
    MATMUL,
    as_table,
    assemble,
    command,
    listing,
    load_program,
    mask,
    save_program,
    token,
    token_name,
)  # fmt: skip
from workloads.errors import CodesignError


def two_commands():
    ready = mask(token(0, 1, 2))
    return assemble(
        [command(LOAD, gives=ready, n0=5, dram_address=64), command(MATMUL, waits=ready, count=3, used_rows=2)]
    )


def test_a_saved_program_reads_back(tmp_path):
    path = str(tmp_path / "p.npy")
    save_program(path, two_commands())
    assert (load_program(path) == two_commands()).all()


def test_the_kernels_table_is_the_same_memory():
    program = two_commands()
    table = as_table(program)
    assert table.shape == (2, len(FIELDS))
    table[0, FIELDS.index("n0")] = 9
    assert program["n0"][0] == 9


def test_the_listing_names_tokens_and_what_is_not_zero():
    first, second = listing(two_commands()).splitlines()
    assert "load" in first and "give[load->execute.2]" in first and "dram_address=64" in first
    assert "wait[load->execute.2]" in second and "used_rows=2" in second and "swap" not in second


def test_every_counter_has_its_own_name():
    names = {token_name(token(s, t, c)) for s in range(4) for t in range(4) for c in range(4)}
    assert len(names) == 64


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{path}: not a program (EOFError); one is written by save_program"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "{path}: not a program (ValueError); one is written by save_program"),
        (None, "{path}: the array's fields are not those of a program"),
    ],
    ids=["empty", "truncated", "other array"],
)
def test_a_file_that_is_no_program_is_refused(tmp_path, content, message):
    path = tmp_path / "p.npy"
    if content is None:
        np.save(path, np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(CodesignError) as fault:
        load_program(str(path))
    assert str(fault.value) == message.format(path=path)


def test_a_pickled_array_is_refused(tmp_path):
    path = tmp_path / "p.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(CodesignError, match="not a program"):
        load_program(str(path))


def test_an_unknown_field_is_refused():
    with pytest.raises(KeyError, match="rowz"):
        command(LOAD, rowz=1)
    assert COMMAND.itemsize == 8 * len(FIELDS)
