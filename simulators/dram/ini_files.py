"""DRAMsim3 configuration files (INI) as standards: what is absent takes the default that DRAMsim3 takes."""

from __future__ import annotations

import configparser
from pathlib import Path

from simulators.dram.constraints import FOUR_ACTIVATES, Window
from simulators.dram.formulas import parameter
from simulators.dram.standard import Currents, Organization, Standard
from workloads.errors import CodesignError, unknown_name

BEATS_PER_CLOCK = {
    "DDR3": 2, "DDR4": 2, "LPDDR": 2, "LPDDR3": 2, "LPDDR4": 2, "HBM": 2, "HBM2": 2, "GDDR5": 4, "GDDR5X": 8,
    "GDDR6": 16,
}  # fmt: skip
_STRUCTURE = {"bankgroups": 2, "banks_per_group": 2, "rows": 65536, "columns": 1024, "device_width": 8, "BL": 8}
_SYSTEM = {"channel_size": 1024, "channels": 1, "bus_width": 64}
_TIMING = {
    "AL": 0, "CL": 12, "CWL": 12, "tCCD_L": 6, "tCCD_S": 4, "tRTRS": 2, "tRTP": 5, "tWTR_L": 5, "tWTR_S": 5, "tWR": 10,
    "tRP": 10, "tRRD_L": 4, "tRRD_S": 4, "tRAS": 24, "tRCD": 10, "tRFC": 74, "tREFI": 7800, "tFAW": 50, "tPPD": 0,
    "t32AW": 330, "tRCDRD": 24, "tRCDWR": 20,
}  # fmt: skip
_POWER = {"VDD": 1.2, "IDD0": 48, "IDD2N": 34, "IDD3N": 43, "IDD4R": 135, "IDD4W": 123, "IDD5AB": 250}


class _Section:
    def __init__(self, parser: configparser.ConfigParser, path: Path, name: str) -> None:
        self.values = dict(parser[name]) if parser.has_section(name) else {}
        self.where = f"{path}: [{name}]"

    def number(self, key: str, default: float) -> float:
        text = self.values.get(key.lower(), "").split("#")[0].strip()
        try:
            return float(text) if text else float(default)
        except ValueError:
            raise CodesignError(f"{self.where} {key}: '{text}' is not a number") from None

    def word(self, key: str, default: str) -> str:
        return self.values.get(key.lower(), default).split("#")[0].strip() or default


def read_ini(path: Path) -> Standard:
    """Return the standard that a DRAMsim3 configuration file describes.

    Raises
    ------
    CodesignError
        When the file cannot be read, a value is no number, or it asks for what the controller does not do.
    """
    parser = configparser.ConfigParser(strict=False, interpolation=None, inline_comment_prefixes=(";", "#"))
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise CodesignError(f"{path}: {str(error).splitlines()[0]}") from error
    if not parser.has_section("dram_structure"):
        raise CodesignError(f"{path}: no [dram_structure]; is it a DRAMsim3 configuration?")
    structure, timing, system = (_Section(parser, path, name) for name in ("dram_structure", "timing", "system"))
    if system.word("queue_structure", "PER_BANK") != "PER_BANK":
        raise CodesignError(f"{system.where} queue_structure: only PER_BANK is modelled")
    if system.word("refresh_policy", "RANK_LEVEL_STAGGERED") != "RANK_LEVEL_STAGGERED":
        raise CodesignError(f"{system.where} refresh_policy: only RANK_LEVEL_STAGGERED is modelled")
    protocol = structure.word("protocol", "DDR3")
    if protocol not in BEATS_PER_CLOCK:
        raise unknown_name(f"{structure.where} protocol", "protocol", protocol, BEATS_PER_CLOCK)
    organization = _organization(structure, system, protocol)
    gddr, power = protocol.startswith("GDDR"), _Section(parser, path, "power")
    return Standard(
        path.stem, f"DRAMsim3 configuration {path.name}", timing.number("tCK", 1.0), organization,
        _clocks(timing, protocol, organization), system.word("address_mapping", "chrobabgraco"),
        int(system.number("channels", 1)), protocol.startswith("HBM"),
        Currents(*(power.number(name, default) for name, default in _POWER.items())) if power.values else None,
        windows=(FOUR_ACTIVATES, Window(32, parameter("t32AW"))) if gddr else (FOUR_ACTIVATES,),
    )  # fmt: skip


def _organization(structure: _Section, system: _Section, protocol: str) -> Organization:
    s = {name: int(structure.number(name, default)) for name, default in _STRUCTURE.items()}
    y = {name: int(system.number(name, default)) for name, default in _SYSTEM.items()}
    groups, banks = s["bankgroups"], s["banks_per_group"]
    if structure.word("bankgroup_enable", "true").lower() in ("false", "no", "0", "off"):
        groups, banks = 1, groups * banks
    # A column of the file is a burst (GDDR), two beats (HBM) or one beat; here it is one beat.
    columns = s["columns"] * (s["BL"] if protocol.startswith("GDDR") else 2 if protocol.startswith("HBM") else 1)
    rank = Organization(1, groups, banks, s["rows"], columns, s["device_width"], y["bus_width"], s["BL"])
    return rank._replace(ranks=max(1, (y["channel_size"] << 20) // rank.channel_bytes))


def _clocks(timing: _Section, protocol: str, organization: Organization) -> dict[str, int]:
    t = {name: int(timing.number(name, default)) for name, default in _TIMING.items()}
    rcd = t.pop("tRCD")
    if not protocol.startswith(("GDDR", "HBM")):
        t["tRCDRD"] = t["tRCDWR"] = rcd
    if not protocol.startswith("GDDR") and protocol != "LPDDR4":
        t["tPPD"] = 0
    if organization.bankgroups == 1:
        t |= {"tCCD_L": t["tCCD_S"], "tWTR_L": t["tWTR_S"], "tRRD_L": t["tRRD_S"]}
    return t | {"BURST": organization.burst_length // BEATS_PER_CLOCK[protocol]}
