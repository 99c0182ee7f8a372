"""Does a mapping survive its file, and does a bad file get its exact message?"""

import random

import numpy as np
import pytest

from benchmarks.fuzz import fuzz
from codesign.mapping_files import dump_mapping, read_mapping
from workloads.errors import CodesignError

MAPPING = {"conv1": {"tile_m": 64, "order": ["m", "k"], "why": "fits: all of x"}, "b/ :c": {"n": True}}
HEAD = "codesign_mapping: 1\n"


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_text(dump_mapping(MAPPING, "onnx:resnet50", "tpu_v1", "cycles"))
    assert read_mapping(path) == MAPPING


def test_the_file_is_plain_to_read():
    text = dump_mapping({"conv1": {"tile_m": np.int64(64), "order": ("m", "k")}}, "digits", "tpu_v1", "energy")
    assert text.splitlines() == [
        "codesign_mapping: 1", "network: digits", "machine: tpu_v1", "objective: energy", "layers:", "  conv1:",
        "    tile_m: 64", "    order: [m, k]",
    ]  # fmt: skip


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{}: the file holds no mapping of fields; codesign map writes one"),
        ("- 1\n", "{}: the file holds no mapping of fields; codesign map writes one"),
        ("layers: {}\n", "{}: codesign_mapping: version 1 expected, found absent"),
        ("codesign_mapping: 9\nlayers: {}\n", "{}: codesign_mapping: version 1 expected, found 9"),
        (HEAD, "{}: layers: a mapping from layer name to its mapping is needed"),
        (HEAD + "layers: [1]\n", "{}: layers: a mapping from layer name to its mapping is needed"),
        (HEAD + "layers: {a: 3}\n", "{}: layers.a: a mapping of fields is needed, found 3"),
        (HEAD + "layrs: {}\n", "{}: 'layrs' is not a field; use codesign_mapping, network, machine, objective, layers"
         " (did you mean 'layers'?)"),
        (BOMB, "{}:2: aliases are not allowed; write the value itself"),
        ("a: !!python/object:os.system 1\n", "{}:1: tags are not allowed; write the plain value"),
        (HEAD + "a: " + "[" * 40 + "\n", "{}:2: more than 8 levels of nesting; a mapping has four"),
        (HEAD + "layers: [\n", "{}:3: not valid YAML: expected the node content, but found '<stream end>'"),
        (HEAD + HEAD, "{}:2: not valid YAML: found duplicate key \"codesign_mapping\" with value \"1\""
         " (original value: \"1\")"),
        (b"\xff\xfe\x00", "{}: not UTF-8 text (byte 0)"),
    ],
)  # fmt: skip
def test_a_bad_file(tmp_path, text, message):
    path = tmp_path / "mapping.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CodesignError) as fault:
        read_mapping(path)
    assert str(fault.value) == message.format(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CodesignError, match=r"no\.yaml: cannot be read \(No such file or directory\)$"):
        read_mapping(tmp_path / "no.yaml")


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "mapping.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(CodesignError, match=r": 17179869184 bytes; a mapping has at most 16777216$"):
        read_mapping(path)


def test_500_mutants_are_read_and_run_or_refused_within_five_seconds_each():
    """100,000 by ``python -m benchmarks.fuzz mapping``."""
    seed = random.randrange(1 << 32)
    read, refused, escaped = fuzz("mapping", seed, 500)
    assert not escaped
    assert refused > 100 and read > 10, f"from seed {seed}: {refused} refused, {read} read"
