"""Faulty variants of published ``config.json`` files, by seed."""

from __future__ import annotations

import json
import random

from tests.workloads.importers.huggingface_configs import CONFIGS

WORDS = (0, -1, 1, 2, 3, 7, 1 << 20, 1 << 31, 1 << 63, 10**40, 0.5, 1e308, float("nan"), "", "llama", "4096", None,
         True, [], {}, [[]], {"a": 1})  # fmt: skip


def mutant(rng: random.Random) -> bytes:
    """Return a published configuration with fields changed, lost or renamed, or bytes of its text changed."""
    config = dict(rng.choice(list(CONFIGS.values()))[0])
    for _ in range(rng.choice((1, 1, 2, 4))):
        key = rng.choice(list(config))
        action = rng.randrange(5)
        if action == 0:
            del config[key]
        elif action == 1:
            config[key] = rng.choice(WORDS)
        elif action == 2 and isinstance(config[key], int):
            config[key] = config[key] * rng.choice((-1, 2, 3, 1000)) + rng.choice((-1, 0, 1))
        elif action == 3:
            other = rng.choice(list(config))
            config[key], config[other] = config[other], config[key]
        else:
            config[rng.choice(("model_type", "head_dim", "hidden_act", "torch_dtype"))] = rng.choice(WORDS)
    data = bytearray(json.dumps(config).encode())
    if rng.random() < 0.3:
        for _ in range(rng.choice((1, 3, 20))):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(3)] = bytes(rng.randrange(256) for _ in range(rng.randrange(3)))
    if rng.random() < 0.1:
        del data[rng.randrange(len(data)) :]
    return bytes(data)
