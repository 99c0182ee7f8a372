"""Is a library's text, without what Yosys and ABC do not read, otherwise the same library?"""

from rtl.synthesis.liberty import load_library
from rtl.synthesis.liberty_text import without_groups
from rtl.synthesis.yosys import _UNREAD

LIBRARY = """\
library (small) {
  nom_voltage : 1.0;
  wire_load ("10x10") { resistance : 1; }
  cell (INV) {
    area : 2;
    leakage_power () { when : "A"; value : 3; }
    pin (A) { direction : input; capacitance : 0.5; internal_power () { power (t) { values ("1"); } } }
    pin (Y) {
      direction : output; function : "!A";
      internal_power () { related_pin : "A"; comment : "} not the end {"; rise_power (t) { values ("1"); } }
      timing () { related_pin : "A"; cell_rise (scalar) { values ("7"); } }
    }
  }
}
"""


def test_only_what_is_not_read_is_gone(tmp_path):
    text = without_groups(LIBRARY, _UNREAD)
    assert "power" not in text and text.count("{") == text.count("}") and 'wire_load ("10x10") { resistance' in text
    (tmp_path / "all.lib").write_text(LIBRARY)
    (tmp_path / "less.lib").write_text(text)
    whole, less = (load_library(tmp_path / name).cell("INV") for name in ("all.lib", "less.lib"))
    assert whole.leakage_nw == 3 and whole.pins["Y"].powers and not less.pins["Y"].powers
    for name, pin in whole.pins.items():
        same = less.pins[name]
        assert (pin.direction, pin.capacitance_ff, pin.function, pin.arcs) == (
            same.direction, same.capacitance_ff, same.function, same.arcs,
        )  # fmt: skip
    assert less.area_um2 == 2 and round(whole.pins["Y"].arcs[0].tables["cell_rise"].values[0][0]) == 7000
