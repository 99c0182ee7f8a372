"""Are numbers written with the right prefix and three digits?"""

import pytest

from codesign.report.units import area, digits, energy, percent, seconds, si


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1"), (1.0, "1.00"), (68, "68"), (12.34, "12.3"), (999.4, "999"), (999.6, "1.00 k"),
        (1_240_000, "1.24 M"),
        (123_456_789, "123 M"), (-2500, "-2.50 k"), (0.0123, "12.3 m"), (4.089e9, "4.09 G"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_si(value, text):
    assert si(value) == text


def test_units_stand_behind():
    assert seconds(0.00388) == "3.88 ms"
    assert energy(3.8e8) == "380 uJ"
    assert energy(0) == "0 J"
    assert area(999) == "999 um2"
    assert area(841_354) == "0.841 mm2"
    assert digits(0.0000123) == "0.000012"


@pytest.mark.parametrize(("share", "text"), [(0, "0 %"), (0.001, "<1 %"), (0.82, "82 %"), (1, "100 %")])
def test_percent(share, text):
    assert percent(share) == text
