"""`codesign diff`: why one result is faster than another, layer by layer, in words."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codesign.report.repeats import label_of, unnumbered
from codesign.report.units import area, energy, percent, seconds, si
from codesign.result import KEYS
from workloads.errors import CodesignError

#: What differs in the set-up and is named first.
_SETTINGS = ("network", "machine", "fidelity", "weights", "batch")
#: Classes of cycles, in words.
_WORDS = {
    "array_busy": "streaming", "vector_busy": "vector work", "array_drain": "draining", "wait_array": "fill and drain",
    "wait_load": "waits for loads", "wait_vector": "waits for the vector unit", "wait_store": "waits for stores",
    "wait_queue": "waits for commands", "wait_token": "waits for operands", "tail": "last results",
    "transfer": "transfers",
}  # fmt: skip
_MOST_LAYERS, _MOST_BYTES = 12, 1 << 28


@dataclass(frozen=True)
class LayerChange:
    """A layer in both results, or the same one of several blocks.

    Attributes
    ----------
    name, label : str
        Of the first of them; of all of them.
    before, after : int
        Cycles of one.
    """

    name: str
    label: str
    before: int
    after: int
    by_class: dict[str, int]
    count: int = 1

    @property
    def gained(self) -> int:
        """Cycles that the second saves, those of all blocks; negative when it loses."""
        return self.count * (self.before - self.after)


def read_result(path: str) -> dict[str, Any]:
    """Return a result from a report's folder or a JSON file.

    Raises
    ------
    CodesignError
        When it is not there, or no result of `codesign run`.
    """
    place = Path(path)
    place = place / "result.json" if place.is_dir() else place
    try:
        if place.stat().st_size > _MOST_BYTES:
            raise CodesignError(f"{place}: more than {_MOST_BYTES} bytes; a result is smaller")
        result = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CodesignError(f"{place}: no such file; give a report's folder or a .json of codesign run") from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as fault:
        raise CodesignError(f"{place}: no result of codesign run ({str(fault)[:80]})") from None
    missing = [key for key in KEYS if key not in result] if isinstance(result, dict) else list(KEYS)
    if missing or not isinstance(result["layers"], list):
        raise CodesignError(f"{place}: no result of codesign run (the key '{(missing or ['layers'])[0]}' is missing)")
    return result


def diff(first: str, second: str) -> str:
    """Return the comparison of two results as text.

    Raises
    ------
    CodesignError
        When one cannot be read.
    """
    before, after = read_result(first), read_result(second)
    try:
        return "\n".join([*_whole(before, after), "", *_layers(before, after), "", *_energy(before, after)]) + "\n"
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise CodesignError(f"{first}, {second}: not two results of codesign run ({fault})") from None


def _whole(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    lines = [f"{name}: {before[name]} -> {after[name]}" for name in _SETTINGS if before[name] != after[name]]
    old, new = before["latency_s"], after["latency_s"]
    if not old or not new:
        return [*lines, f"latency: {seconds(old)} -> {seconds(new)}"]
    sense = "faster" if new < old else "slower"
    verdict = "as fast as" if old == new else f"{_times(max(old / new, new / old))} {sense} than"
    times = f"{seconds(old)} -> {seconds(new)}, {before['cycles']:,} -> {after['cycles']:,} cycles"
    return [*lines, f"The second is {verdict} the first: {times}.", *_why(before, after)]


def _times(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio < 100 else f"{ratio:,.0f}x"


def _why(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return which classes of cycles the difference is made of."""
    sums: dict[str, int] = {}
    for sign, result in ((1, before), (-1, after)):
        for row in result["layers"]:
            for name, cycles in row["cycle_classes"].items():
                sums[name] = sums.get(name, 0) + sign * cycles
    gained = before["cycles"] - after["cycles"]
    parts = sorted(((cycles, name) for name, cycles in sums.items() if cycles), key=lambda part: -abs(part[0]))[:3]
    if not gained or not parts:
        return []
    return [f"In cycles: {', '.join(_class(name, cycles) for cycles, name in parts)}."]


def _class(name: str, gained: int) -> str:
    return f"{_fewer(gained)} of {_WORDS.get(name, name)}"


def _fewer(gained: int) -> str:
    return f"{si(abs(gained))} {'fewer' if gained > 0 else 'more'}"


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[LayerChange]:
    old = {row["name"]: row for row in before["layers"]}
    found = []
    for row in after["layers"]:
        if row["name"] in old:
            was = old[row["name"]]
            names = {**was["cycle_classes"], **row["cycle_classes"]}
            by_class = {n: was["cycle_classes"].get(n, 0) - row["cycle_classes"].get(n, 0) for n in names}
            found.append(LayerChange(row["name"], row["name"], was["cycles"], row["cycles"], by_class))
    return found


def _of_blocks(changes: list[LayerChange]) -> list[LayerChange]:
    """Return changes with those of one layer in several blocks, where they are equal, as one."""
    groups: dict[tuple[Any, ...], list[LayerChange]] = {}
    for one in changes:
        key = (*unnumbered(one.name), one.before, one.after, tuple(one.by_class.items()))
        groups.setdefault(key, []).append(one)
    return [replace(same[0], label=label_of([one.name for one in same]), count=len(same)) for same in groups.values()]


def _layers(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    both = _changes(before, after)
    changes = sorted(_of_blocks([one for one in both if one.gained]), key=lambda one: -abs(one.gained))
    names = [{row["name"] for row in result["layers"]} for result in (before, after)]
    nothing = "No layer differs in cycles." if both else "No layer is in both."
    lines = [_layer(one, before, after) for one in changes[:_MOST_LAYERS]] or [nothing]
    if len(changes) > _MOST_LAYERS:
        rest = sum(one.gained for one in changes[_MOST_LAYERS:])
        lines.append(f"  {sum(one.count for one in changes[_MOST_LAYERS:])} more layers: {_fewer(rest)} cycles")
    for label, only in (("first", names[0] - names[1]), ("second", names[1] - names[0])):
        if only:
            lines.append(f"Only in the {label}: {len(only)} layers ({', '.join(sorted(only)[:4])})")
    return lines


def _layer(one: LayerChange, before: dict[str, Any], after: dict[str, Any]) -> str:
    share = abs(one.gained) / max(abs(before["cycles"] - after["cycles"]), 1)
    name, cycles = max(one.by_class.items(), key=lambda item: item[1] * one.gained, default=("", 0))
    parts = [f"{percent(share)} of the difference", *([_class(name, cycles)] if cycles else [])]
    old, new = (_bound(result, one.name) for result in (before, after))
    parts.append(f"{old}-bound -> {new}-bound" if old != new else f"still {old}-bound")
    each = f" in each of {one.count}" if one.count > 1 else ""
    return f"  {one.label}: {one.before:,} -> {one.after:,} cycles{each} ({'; '.join(parts)})"


def _bound(result: dict[str, Any], layer: str) -> str:
    return str(next(row["bound_by"] for row in result["layers"] if row["name"] == layer))


def _energy(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    old, new = before["energy_pj"], after["energy_pj"]
    changed = sorted(((new.get(n, 0.0) - old[n], n) for n in old if n != "total"), key=lambda part: -abs(part[0]))[:3]
    told = ", ".join(f"{n} {'+' if d > 0 else '-'}{energy(abs(d))}" for d, n in changed if d)
    ratio = f" ({_times(new['total'] / old['total'])})" if old["total"] else ""
    lines = [f"Energy: {energy(old['total'])} -> {energy(new['total'])}{ratio}{f': {told}' if told else ''}."]
    areas = [result["area_um2"]["total"] for result in (before, after)]
    if areas[0] != areas[1] and areas[0]:
        lines.append(f"Area: {area(areas[0])} -> {area(areas[1])} ({_times(areas[1] / areas[0])}).")
    return lines
