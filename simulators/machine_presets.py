"""The machines that come with the package. Files whose name starts with ``_`` are parts that presets share."""

from __future__ import annotations

from importlib.resources import files


def machine_names() -> list[str]:
    """Return the names of the presets."""
    return [name for name in preset_files() if not name.startswith("_")]


def preset_files() -> list[str]:
    """Return the names of every file that `extends` may name, shared parts too."""
    folder = files("simulators") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def preset_text(name: str) -> str:
    """Return the text of a preset that `preset_files` lists."""
    return (files("simulators") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
