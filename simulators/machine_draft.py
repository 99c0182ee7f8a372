"""A machine in the making: values from a preset, a file and overrides, where each came from, and their faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from simulators.machine import Machine
from simulators.machine_checks import Path, conflicts
from simulators.machine_faults import describe, unknown_field
from simulators.machine_schema import children, leaf_at
from simulators.machine_yaml import Tree, dotted, read_scalar, shown
from workloads.errors import CodesignError

FAULT_LIMIT = 100


@dataclass(frozen=True, order=True)
class Origin:
    """Where a value was given: `order` sorts the report, `label` starts its lines (``machine.yaml:14``)."""

    order: tuple[int, int]
    label: str


@dataclass
class Draft:
    """The values so far and what is wrong with them.

    Attributes
    ----------
    origin : Origin
        Of values that stand nowhere (missing ones).
    complete : bool
        Whether missing fields are faults; not when the preset to extend is unknown.
    """

    origin: Origin
    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, Origin] = field(default_factory=dict)
    faults: list[tuple[Origin, str]] = field(default_factory=list)
    faulty: set[Path] = field(default_factory=set)
    complete: bool = True

    def merge(self, tree: Tree, label: str, order: int) -> None:
        """Lay the values of a file over the present ones."""
        for path, line in tree.lines.items():
            self.origins[path] = Origin((order, line), f"{label}:{line}")
        for line, path, text in tree.faults:
            self.faults.append((Origin((order, line), f"{label}:{line}"), f"{dotted(path)}: {text}"))
        self.faulty |= tree.faulty
        _merge(self.data, tree.data)

    def override(self, text: str, order: int) -> None:
        """Set one field from ``FIELD=VALUE``."""
        origin = Origin((order, 0), f"--set {shown(text)[1:-1]}")
        name, equals, value = text.partition("=")
        path = tuple(name.strip().split("."))
        if not equals or not all(path):
            self.faults.append((origin, "an override reads FIELD=VALUE, as in array.rows=64"))
            return
        if leaf_at(path) is None and not (children(path) and value.strip() == "null"):
            fault = f"{dotted(path)} is a section; set its fields one by one" if children(path) else unknown_field(path)
            self.faults.append((origin, fault))
            return
        try:
            scalar = _scalar(value.strip())
        except ValueError as error:
            self.faults.append((origin, f"{dotted(path)}: {error}"))
            return
        self.put(path, scalar, origin)

    def put(self, path: Path, value: Any, origin: Origin) -> None:
        """Set one value; sections on the way are made where there are none."""
        section = self.data
        for depth, part in enumerate(path[:-1], 1):
            if not isinstance(section.get(part), dict):
                section[part] = {}
                self._forget(path[:depth])
                self.origins[path[:depth]] = origin
            section = section[part]
        section[path[-1]] = value
        self._forget(path)
        self.origins[path] = origin

    def _forget(self, path: Path) -> None:
        """Forget where the fields of a section came from that is no more."""
        self.origins = {known: origin for known, origin in self.origins.items() if known[: len(path)] != path}

    def build(self) -> Machine:
        """Return the machine.

        Raises
        ------
        CodesignError
            With a line for every fault.
        """
        machine: Machine | None = None
        try:
            machine = Machine.model_validate(self.data)
        except ValidationError as error:
            self._collect(error)
        if machine is None or self.faults:
            raise CodesignError(self.report())
        return machine

    def report(self) -> str:
        """Return the faults, a line each, in the order of the text."""
        ordered = sorted(self.faults, key=lambda fault: fault[0].order)
        lines = [f"{origin.label}: {text}" for origin, text in ordered[:FAULT_LIMIT]]
        if len(ordered) > FAULT_LIMIT:
            lines.append(f"{self.origin.label}: and more faults than {FAULT_LIMIT}")
        return "\n".join(lines)

    def _collect(self, error: ValidationError) -> None:
        bad = set(self.faulty)
        for entry in error.errors(include_url=False, include_context=False):
            path = tuple(str(part) for part in entry["loc"])
            missing = entry["type"] == "missing"
            if not path or _within(path, self.faulty) or (missing and not self.complete):
                bad |= {path} if path else set()
                continue
            bad.add(path)
            if len(self.faults) <= FAULT_LIMIT:
                self.faults.append((self._origin(path), describe(entry["type"], path, entry["input"])))
        for path, message, parts in conflicts(self._value, lambda path: _within(path, bad)):
            self.faults.append((self._last_origin(path, parts), f"{dotted(path)}: {message}"))

    def _origin(self, path: Path) -> Origin:
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins.get(path, self.origin)

    def _last_origin(self, blamed: Path, parts: tuple[Path, ...]) -> Origin:
        """Return where the blamed field was given, or what was laid over it later and made the conflict."""
        origin, last = self._origin(blamed), max(self._origin(part) for part in parts)
        return last if last.order[0] > origin.order[0] else origin

    def _value(self, path: Path) -> Any:
        value: Any = self.data
        for part in path:
            if not isinstance(value, dict):
                return None
            if part not in value:
                leaf = leaf_at(path)
                return leaf.default if leaf else None
            value = value[part]
        return value


def _within(path: Path, paths: set[Path]) -> bool:
    """Return whether `path` or a section around it is one of `paths`."""
    return any(path[:depth] in paths for depth in range(1, len(path) + 1))


def _scalar(text: str) -> Any:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else read_scalar(text)


def _merge(below: dict[str, Any], above: dict[str, Any]) -> None:
    for name, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(name), dict):
            _merge(below[name], value)
        else:
            below[name] = value
