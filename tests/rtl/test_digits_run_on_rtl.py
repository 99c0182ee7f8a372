"""Does the digits network run end to end on the RTL: every layer's bits, cycles and counters, and its accuracy?

``pytest -s`` prints the layers and the accuracy.
"""

from __future__ import annotations

import pytest

from codesign.rtl_commands import check_network_on_rtl
from tests.rtl.bench.test_back_ends_agree import needs

MACHINE = "small_npu_8x8"
ALL = 360
#: 98.06 % of the test split (workloads/zoo/digits/README.md).
RIGHT_OF_ALL = 353
#: A process for each layer of each image, about two CPU-seconds: what ten minutes hold with room to spare.
ON_ICARUS = 20


def run_images(images: int, backend: str) -> str:
    """Run the first test images; return the report's last line, the accuracy."""
    report, equal = check_network_on_rtl(MACHINE, "digits", images, backend, [], None, None)
    print(f"\n{report}")
    assert equal, report
    assert report.count("  equal\n") == 6
    return report.splitlines()[-1]


def test_three_images():
    assert run_images(3, "verilator").startswith("accuracy on the RTL: 2 of 3 test images")


@pytest.mark.slow
def test_all_images():
    assert run_images(ALL, "verilator").startswith(f"accuracy on the RTL: {RIGHT_OF_ALL} of {ALL} test images")


@pytest.mark.slow
def test_images_on_icarus():
    needs("icarus")
    verilator = run_images(ON_ICARUS, "verilator")
    assert run_images(ON_ICARUS, "icarus") == verilator
