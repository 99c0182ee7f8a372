"""Mutants of good files for `benchmarks.fuzz`: bytes damaged, or one value of a tree of plain data changed."""

from __future__ import annotations

import copy
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_EXTREMES = (0, 1, -1, 2, 127, 128, 255, 1 << 16, (1 << 31) - 1, -(1 << 31))
_WORDS = (*_EXTREMES, 3, 7, 1 << 40, 1 << 63, 10**40, 0.5, 1e308, float("nan"), "", "m", "4096", None, True, [], {},
          [[]], {"a": 1})  # fmt: skip


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a damaged copy: bytes flipped, words set to extremes, a piece cut, moved or doubled, the end cut off."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if len(data) < 8:
            break
        kind, at = int(rng.integers(0, 6)), int(rng.integers(0, len(data)))
        length = int(min(rng.integers(1, 64), len(data) - at))
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            data[at] = int(rng.integers(0, 256))
        elif kind == 2:
            word, value = at & ~3, int(rng.choice(_EXTREMES)) & 0xFFFFFFFF
            data[word : word + 4] = value.to_bytes(4, "little")[: len(data) - word]
        elif kind == 3:
            to = int(rng.integers(0, len(data)))
            data[to : to + length] = data[at : at + length][: len(data) - to]
        elif kind == 4:
            del data[at : at + length]
        elif rng.integers(0, 4) == 0:
            del data[at:]
        else:
            data[at:at] = data[at : at + length]
    return bytes(data)


def changed(tree: Any, rng: random.Random) -> Any:
    """Return a copy of plain data with one to three values replaced, scaled, lost, renamed or swapped."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = rng.choice(places)
        other_holder, other_key = rng.choice(places)
        action = rng.randrange(6)
        if action == 0:
            del holder[key]
        elif action == 1 and isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        elif action == 2 and isinstance(holder[key], int):
            holder[key] = holder[key] * rng.choice((-1, 2, 3, 1000)) + rng.choice((-1, 0, 1))
        elif action == 3:
            holder[key], other_holder[other_key] = copy.deepcopy((other_holder[other_key], holder[key]))
        else:
            holder[key] = copy.deepcopy(rng.choice(_WORDS))
    return tree


def _places(tree: Any) -> Any:
    """Yield (holder, key) of every value of nested dicts and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from _places(value)


def mutant_text(tree: Any, seed: int) -> bytes:
    """Return a tree as JSON (which YAML reads too), its values changed or its bytes damaged."""
    rng = random.Random(seed)
    if rng.random() < 0.3:
        return damage(json.dumps(tree).encode(), np.random.default_rng(seed))
    return json.dumps(changed(tree, rng)).encode()


def mutant_archive(source: Path, target: Path, member: str, seed: int) -> None:
    """Write a copy of a zip archive whose JSON member is a mutant, or that is damaged in its bytes."""
    rng = random.Random(seed)
    if rng.random() < 0.2:
        target.write_bytes(damage(source.read_bytes(), np.random.default_rng(seed)))
        return
    with zipfile.ZipFile(source) as good, zipfile.ZipFile(target, "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            if name == member:
                content = mutant_text(json.loads(content), seed)
            elif rng.random() < 0.05:
                content = damage(content, np.random.default_rng(seed))
            bad.writestr(name, content)
