"""Reading and writing machines: presets, files, overrides. All faults come in one report, a line each."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path as FilePath

from simulators.machine import Machine
from simulators.machine_draft import Draft, Origin
from simulators.machine_presets import machine_names, preset_files, preset_text
from simulators.machine_yaml import Tree, YamlFault, dotted, printable, read_tree, shown, write_tree
from workloads.errors import CodesignError, did_you_mean, unknown_name

__all__ = ["load_machine", "machine_hash", "machine_names", "override_machine", "save_machine"]

SIZE_LIMIT = 1 << 20
_FILE, _OVERRIDE = 100, 1000  # places in a report: presets, then the file, then the overrides


def load_machine(spec: str, overrides: Sequence[str] = ()) -> Machine:
    """Return the machine of a preset or a file.

    Parameters
    ----------
    spec : str
        Name of a preset, or path of a ``.yaml`` file. A file may start from a preset by ``extends: NAME``.
    overrides : sequence of str
        ``FIELD=VALUE`` each, as in ``array.rows=64``; applied in order, after the file.

    Raises
    ------
    CodesignError
        With every fault of the file and the overrides, a line each.
    """
    spec = str(spec)
    if spec in machine_names():
        draft = Draft(Origin((0, 0), spec))
        _lay_preset(draft, spec)
    elif spec.endswith((".yaml", ".yml")) or "/" in spec or os.sep in spec:
        draft = Draft(Origin((_FILE, 0), printable(spec)))
        _lay(draft, _parsed(_read(spec), printable(spec)), printable(spec), _FILE)
    else:
        names = machine_names()
        known = f"use {', '.join(names)}, or the path of a .yaml file{did_you_mean(spec, names)}"
        raise CodesignError(f"--machine {dotted((spec,))}: no such preset; {known}")
    return _finish(draft, overrides)


def override_machine(machine: Machine, overrides: Sequence[str]) -> Machine:
    """Return a machine with some fields changed, as `load_machine` does it."""
    return _finish(Draft(Origin((0, 0), machine.name), machine.model_dump()), overrides)


def machine_hash(machine: Machine) -> str:
    """Return the SHA-256 of the machine's canonical JSON."""
    text = json.dumps(machine.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def save_machine(machine: Machine, path: str | os.PathLike[str]) -> None:
    """Write the machine as YAML, every field given. Nothing half-written is ever left at `path`.

    Raises
    ------
    CodesignError
        When the file cannot be written.
    """
    target = FilePath(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            temporary.write_text(write_tree(machine.model_dump()), encoding="utf-8")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CodesignError(f"{path}: {(error.strerror or 'cannot be written').lower()}") from error


def _finish(draft: Draft, overrides: Sequence[str]) -> Machine:
    for index, text in enumerate(overrides):
        draft.override(str(text), _OVERRIDE + index)
    return draft.build()


def _lay_preset(draft: Draft, name: str, order: int = 0) -> None:
    _lay(draft, deepcopy(_preset_tree(name)), f"preset {name}", order)


@cache
def _preset_tree(name: str) -> Tree:
    """Return what a preset's file holds, parsed once: presets are part of the package."""
    return _parsed(preset_text(name), f"preset {name}")


def _parsed(text: str, label: str) -> Tree:
    try:
        return read_tree(text)
    except YamlFault as fault:
        where = label if fault.line is None else f"{label}:{fault.line}"
        raise CodesignError(f"{where}: {fault}") from fault


def _lay(draft: Draft, tree: Tree, label: str, order: int) -> None:
    """Lay a file over the draft, the preset that it extends first."""
    if "extends" in tree.data:
        base = tree.data.pop("extends")
        parts = [name for name in preset_files() if name.startswith("_")]
        known = machine_names() if order == _FILE else parts
        if base in known or base in parts:
            _lay_preset(draft, str(base), order // 2)
        else:
            line = tree.lines[("extends",)]
            error = unknown_name("extends", "preset", shown(base).strip("'"), known)
            draft.faults.append((Origin((order, line), f"{label}:{line}"), str(error)))
            draft.complete = False
    draft.merge(tree, label, order)


def _read(spec: str) -> str:
    """Return a file's text, within bounds."""
    path, name = FilePath(spec), printable(spec)
    try:
        if path.is_dir():
            raise CodesignError(f"{name}: is a folder, not a machine file")
        if path.exists() and not path.is_file():
            raise CodesignError(f"{name}: is not a regular file")
        with path.open("rb") as stream:
            raw = stream.read(SIZE_LIMIT + 1)
    except ValueError as error:
        raise CodesignError(f"--machine {shown(spec)}: no path can hold these characters") from error
    except OSError as error:
        raise CodesignError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error
    if len(raw) > SIZE_LIMIT:
        raise CodesignError(f"{name}: larger than {SIZE_LIMIT} bytes; a machine file has a few thousand")
    if b"\0" in raw:
        raise CodesignError(f"{name}: a binary file, not YAML text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CodesignError(f"{name}:{line}: byte {raw[error.start]:#04x} is not UTF-8 text") from error
