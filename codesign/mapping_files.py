"""A mapping as a YAML file: written by `codesign map`, edited by hand, pinned by `codesign run --mapping`.

The file holds plain mappings, lists, text and numbers only. Aliases, tags and great depth or length are refused
before anything is built, so that no file can run code or grow in memory.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from workloads.errors import CodesignError, did_you_mean

VERSION = 1
SIZE_LIMIT_BYTES = 16 << 20
DEPTH_LIMIT = 8
_TOP = ("codesign_mapping", "network", "machine", "objective", "layers")


def dump_mapping(mapping: dict[str, Any], network: str, machine: str, objective: str) -> str:
    """Return the YAML text of a mapping, one block a layer."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 110
    head = {"codesign_mapping": VERSION, "network": network, "machine": machine, "objective": objective}
    text = io.StringIO()
    yaml.dump({**head, "layers": _plain(mapping)}, text)
    return text.getvalue()


def read_mapping(path: str | Path) -> dict[str, Any]:
    """Read a mapping file; return the mapping by layer name, as `simulators.npu.simulate` takes it.

    Raises
    ------
    CodesignError
        With file, line and what is allowed. What a layer's mapping may hold is the simulator's to say.
    """
    text = _read(path)
    data = _load(path, text)
    if not isinstance(data, dict):
        raise CodesignError(f"{path}: the file holds no mapping of fields; codesign map writes one")
    for key in data:
        if key not in _TOP:
            raise CodesignError(f"{path}: '{key}' is not a field; use {', '.join(_TOP)}{did_you_mean(key, _TOP)}")
    if data.get("codesign_mapping") != VERSION:
        found = data.get("codesign_mapping", "absent")
        raise CodesignError(f"{path}: codesign_mapping: version {VERSION} expected, found {found}")
    layers = data.get("layers")
    if not isinstance(layers, dict):
        raise CodesignError(f"{path}: layers: a mapping from layer name to its mapping is needed")
    for name, layer in layers.items():
        if not isinstance(name, str) or not (layer is None or isinstance(layer, dict)):
            raise CodesignError(f"{path}: layers.{name}: a mapping of fields is needed, found {layer!r}")
    return layers


def _read(path: str | Path) -> str:
    try:
        file = Path(path)
        if file.stat().st_size > SIZE_LIMIT_BYTES:
            raise CodesignError(f"{path}: {file.stat().st_size} bytes; a mapping has at most {SIZE_LIMIT_BYTES}")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CodesignError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CodesignError(f"{path}: not UTF-8 text (byte {error.start})") from error


def _load(path: str | Path, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = YAML(typ="safe", pure=True)
    try:
        _refuse_dangerous(path, reader.parse(text))
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = f"{error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise CodesignError(f"{path}:{line or ' '}not valid YAML: {' '.join(str(error.problem).split())}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise CodesignError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error


def _refuse_dangerous(path: str | Path, events: Any) -> None:
    from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

    depth = 0
    for event in events:
        where = f"{path}:{event.start_mark.line + 1}"
        if isinstance(event, AliasEvent):
            raise CodesignError(f"{where}: aliases are not allowed; write the value itself")
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
            raise CodesignError(f"{where}: tags are not allowed; write the plain value")
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEPTH_LIMIT:
            raise CodesignError(f"{where}: more than {DEPTH_LIMIT} levels of nesting; a mapping has four")


def _plain(value: Any) -> Any:
    """Return `value` with numpy scalars and tuples as what YAML and JSON know."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value
