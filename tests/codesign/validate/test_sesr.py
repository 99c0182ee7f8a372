"""Do SESR-M5 and FSRCNN have their published multiplies, 1.93 times as many the one as the other?"""

from codesign.validate.sesr import MACS_G, macs


def test_macs():
    ours = macs()
    assert {name: round(count / 1e9, 1) for name, count in ours.items()} == MACS_G
    assert round(ours["fsrcnn"] / ours["sesr-m5"], 2) == 1.93
