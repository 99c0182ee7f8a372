"""Does every class of fault in a topology CSV get one clear line, with file and line?"""

from __future__ import annotations

import time

import pytest

from workloads.errors import CodesignError
from workloads.load import load_network

CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
GEMM = "Layer, M, N, K,\n"
HEADERS = (
    "'Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides' "
    "or 'Layer, M, N, K'"
)
RANGE = "use an integer from 1 to 2147483647"
CASES = {
    "empty file": (b"", "{file}:1: the file is empty"),
    "blank lines only": (b"\n \n,,\n", "{file}:1: the file is empty"),
    "header only": (GEMM, "{file}:1: no layers follow the header"),
    "missing header": (
        "conv1, 224, 224, 7, 7, 3, 64, 2,\n",
        f"{{file}}:1: the header is missing; the first line is {HEADERS}",
    ),
    "misspelt header": (
        CONV.replace("Channels", "Chanels"),
        "{file}:1: column 6, 'Chanels', is not known (did you mean 'Channels'?)",
    ),
    "columns of no dialect": (
        "Layer, M, K, N\na, 1, 2, 3\n",
        f"{{file}}:1: these columns are no topology; the first line is {HEADERS}",
    ),
    "column missing": (CONV + "c1, 8, 8, 3, 3, 4, 8,\n", "{file}:2: 7 columns; this topology has 8"),
    "column too many": (GEMM + "g1, 8, 8, 3, 3,\n", "{file}:2: 5 columns; this topology has 4"),
    "value left out": (GEMM + "g1, 8, , 3,\n", f"{{file}}:2: N = '': {RANGE}"),
    "name left out": (GEMM + ", 8, 8, 3\n", "{file}:2: the layer has no name"),
    "zero": (CONV + "c1, 8, 8, 3, 3, 0, 8, 1,\n", f"{{file}}:2: Channels = '0': {RANGE}"),
    "negative": (GEMM + "g0, 1, 1, 1\ng1, 8, -8, 3,\n", f"{{file}}:3: N = '-8': {RANGE}"),
    "fraction": (GEMM + "g1, 8, 8, 3.5,\n", f"{{file}}:2: K = '3.5': {RANGE}"),
    "word": (GEMM + "g1, eight, 8, 3,\n", f"{{file}}:2: M = 'eight': {RANGE}"),
    "other digits": (GEMM + "g1, \u0661, 8, 3,\n", f"{{file}}:2: M = '\u0661': {RANGE}"),
    "larger than 31 bits": (GEMM + "g1, 2147483648, 8, 3,\n", f"{{file}}:2: M = '2147483648': {RANGE}"),
    "thousands of digits": (GEMM + f"g1, {'9' * 5000}, 8, 3,\n", f"{{file}}:2: M = '{'9' * 40}': {RANGE}"),
    "tensor too large": (
        GEMM + "g1, 2147483647, 8, 2147483647,\n",
        "{file}:2: g1.input has 4611686014132420609 elements, more than 1099511627776",
    ),
    "filter larger than image": (
        CONV + "c1, 8, 8, 11, 3, 4, 8, 1,\n",
        "{file}:2: a filter of 11x3 does not fit its input of 8x8",
    ),
    "NUL byte": (GEMM.encode() + b"g1, 8\0, 8, 3\n", "{file}:2: a NUL byte; this is not a text file"),
    "not UTF-8": (GEMM.encode() + b"g1, 1, 1, 1\n\xff\xfe, 8, 8, 3\n", "{file}:3: byte 0xff is not UTF-8"),
    "binary": (bytes(range(1, 256)), "{file}:2: byte 0x80 is not UTF-8"),
    "open quote": (GEMM + '"g1, 1, 1, 1\n' + "x" * 200_000, "{file}:3: field larger than field limit (131072)"),
    "two faults": (
        GEMM + "g1, 0, 8, 3\ng2, 8, 8\n",
        f"{{file}}:2: M = '0': {RANGE}\n{{file}}:3: 3 columns; this topology has 4",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_bad_topology_gets_one_clear_message(tmp_path, case):
    content, message = CASES[case]
    path = tmp_path / "topology.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.process_time()
    with pytest.raises(CodesignError) as fault:
        load_network(str(path))
    assert str(fault.value) == message.format(file=path)
    assert time.process_time() - start < 2


def test_many_faults_are_cut_at_ten(tmp_path):
    path = tmp_path / "topology.csv"
    path.write_text(GEMM + "g, 0, 1, 1\n" * 25)
    with pytest.raises(CodesignError) as fault:
        load_network(str(path))
    lines = str(fault.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == f"{path}: 15 more faults"


def test_a_file_too_large_is_not_read_whole(tmp_path):
    path = tmp_path / "topology.csv"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(CodesignError) as fault:
        load_network(str(path))
    assert str(fault.value) == f"{path}: more than 16777216 bytes; a topology is smaller"


def test_a_missing_file_and_a_directory(tmp_path):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    for path, message in ((tmp_path / "none.csv", "no such file"), (folder, "is a directory, not a CSV file")):
        with pytest.raises(CodesignError) as fault:
            load_network(str(path))
        assert str(fault.value) == f"{path}: {message}"


def test_dimensions_cannot_be_bound(tmp_path):
    with pytest.raises(CodesignError) as fault:
        load_network("topology.csv", {"batch": 1})
    assert str(fault.value) == "topology.csv: a topology CSV has no symbolic dimensions to bind"
