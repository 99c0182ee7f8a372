"""DRAMsim3 configuration files (INI) as standards: what is absent takes the default that DRAMsim3 takes."""

from __future__ import annotations

import configparser
import math
from pathlib import Path

from simulators.dram.constraints import FOUR_ACTIVATES, Window
from simulators.dram.formulas import parameter
from simulators.dram.standard import Currents, Organization, Standard
from simulators.dram.state import Controller
from workloads.errors import CodesignError, quoted, unknown_name

BEATS_PER_CLOCK = {
    "DDR3": 2, "DDR4": 2, "LPDDR": 2, "LPDDR3": 2, "LPDDR4": 2, "HBM": 2, "HBM2": 2, "GDDR5": 4, "GDDR5X": 8,
    "GDDR6": 16,
}  # fmt: skip
_MOST = 1e9
_STRUCTURE = {"bankgroups": 2, "banks_per_group": 2, "rows": 65536, "columns": 1024, "device_width": 8, "BL": 8}
_ONLY = {"queue_structure": "PER_BANK", "refresh_policy": "RANK_LEVEL_STAGGERED"}
_NEVER = ("unified_queue", "enable_self_refresh", "aggressive_precharging_enabled")
_TRUTHS = {
    word: value for value, words in ((True, "true yes on 1"), (False, "false no off 0")) for word in words.split()
}
_ROW_POLICIES = {"OPEN_PAGE": "open", "CLOSE_PAGE": "closed"}
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
            value = float(text) if text else float(default)
        except ValueError:
            value = math.nan
        if not 0 <= value <= _MOST:
            raise CodesignError(f"{self.where} {key}: {quoted(text)} is not a number from 0 to {_MOST:g}")
        return value

    def whole(self, key: str, default: int) -> int:
        value = self.number(key, default)
        if value != int(value):
            raise CodesignError(f"{self.where} {key}: {value:g} is not a whole number")
        return int(value)

    def word(self, key: str, default: str) -> str:
        return quoted(self.values.get(key.lower(), default).split("#")[0].strip())[1:-1] or default

    def truth(self, key: str, default: bool) -> bool:
        given = self.word(key, str(default)).lower()
        if given not in _TRUTHS:
            raise CodesignError(f"{self.where} {key}: '{given}' is neither true nor false")
        return _TRUTHS[given]


def read_ini(path: Path) -> Standard:
    """Return the standard that a DRAMsim3 configuration file describes.

    Raises
    ------
    CodesignError
        When the file cannot be read, a value is no number, or it asks for what the controller does not do.
    """
    parser = _parsed(path)
    structure, timing, system = (_Section(parser, path, name) for name in ("dram_structure", "timing", "system"))
    _refuse_other_policies(system)
    protocol = structure.word("protocol", "DDR3")
    if protocol not in BEATS_PER_CLOCK:
        raise unknown_name(f"{structure.where} protocol", "protocol", protocol, BEATS_PER_CLOCK)
    organization = _organization(structure, system, protocol)
    gddr, power = protocol.startswith("GDDR"), _Section(parser, path, "power")
    return Standard(
        path.stem, f"DRAMsim3 configuration {path.name}", timing.number("tCK", 1.0), organization,
        _clocks(timing, protocol, organization), system.word("address_mapping", "chrobabgraco"),
        system.whole("channels", 1), protocol.startswith("HBM") and structure.truth("hbm_dual_cmd", True),
        Currents(*(power.number(name, default) for name, default in _POWER.items())) if power.values else None,
        windows=(FOUR_ACTIVATES, Window(32, parameter("t32AW"))) if gddr else (FOUR_ACTIVATES,),
    )  # fmt: skip


def read_controller(path: Path) -> Controller:
    """Return the controller that a DRAMsim3 configuration file asks for: queue sizes and row policy.

    Raises
    ------
    CodesignError
        As `read_ini`.
    """
    system = _Section(_parsed(path), path, "system")
    queues, policy = system.whole("trans_queue_size", 32), system.word("row_buf_policy", "OPEN_PAGE")
    if policy not in _ROW_POLICIES:
        raise unknown_name(f"{system.where} row_buf_policy", "row policy", policy, _ROW_POLICIES)
    return Controller(queues, queues, system.whole("cmd_queue_size", 16), row_policy=_ROW_POLICIES[policy])


def _parsed(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, inline_comment_prefixes=(";", "#"))
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        reason = getattr(error, "strerror", None) or quoted(str(error).splitlines()[0])[1:-1]
        raise CodesignError(f"{path}: {reason}") from error
    if not parser.has_section("dram_structure"):
        raise CodesignError(f"{path}: no [dram_structure]; is it a DRAMsim3 configuration?")
    return parser


def _refuse_other_policies(system: _Section) -> None:
    for key, modelled in _ONLY.items():
        if system.word(key, modelled) != modelled:
            raise CodesignError(f"{system.where} {key}: only {modelled} is modelled")
    for key in _NEVER:
        if system.truth(key, False):
            raise CodesignError(f"{system.where} {key}: only False is modelled")


def _organization(structure: _Section, system: _Section, protocol: str) -> Organization:
    s = {name: structure.whole(name, default) for name, default in _STRUCTURE.items()}
    y = {name: system.whole(name, default) for name, default in _SYSTEM.items()}
    groups, banks = s["bankgroups"], s["banks_per_group"]
    if not structure.truth("bankgroup_enable", True):
        groups, banks = 1, groups * banks
    # A column of the file is a burst (GDDR), two beats (HBM) or one beat; here it is one beat.
    columns = s["columns"] * (s["BL"] if protocol.startswith("GDDR") else 2 if protocol.startswith("HBM") else 1)
    rank = Organization(1, groups, banks, s["rows"], columns, s["device_width"], y["bus_width"], s["BL"])
    return rank._replace(ranks=max(1, (y["channel_size"] << 20) // max(1, rank.channel_bytes)))


def _clocks(timing: _Section, protocol: str, organization: Organization) -> dict[str, int]:
    t = {name: timing.whole(name, default) for name, default in _TIMING.items()}
    rcd = t.pop("tRCD")
    if not protocol.startswith(("GDDR", "HBM")):
        t["tRCDRD"] = t["tRCDWR"] = rcd
    else:  # DRAMsim3 takes AL from the tRCD of the others only
        t["tRCDRD"], t["tRCDWR"] = t["tRCDRD"] + t["AL"], t["tRCDWR"] + t["AL"]
    if not protocol.startswith("GDDR") and protocol != "LPDDR4":
        t["tPPD"] = 0
    if organization.bankgroups == 1:
        t |= {"tCCD_L": t["tCCD_S"], "tWTR_L": t["tWTR_S"], "tRRD_L": t["tRRD_S"]}
    return t | {"BURST": organization.burst_length // BEATS_PER_CLOCK[protocol]}
