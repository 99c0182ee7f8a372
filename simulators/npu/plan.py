"""A layer cut into tiles for one machine: what the emitter and the closed form both read, as named integers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

MATRIX, VECTOR_LAYER, MOVE = range(3)
WEIGHTS_OUTER, ACTIVATIONS_OUTER = range(2)
ORDERS = ("weights_outer", "activations_outer")


@dataclass(frozen=True)
class Tiling:
    """What the mapper chooses, and a mapping file says.

    Attributes
    ----------
    where : str
        `array` or `vector`.
    images, out_h, out_w : int
        Output pixels of a tile: images x rows x columns (more than one image only with whole images).
    out_c, in_c : int
        Output and input channels of a tile.
    order : str
        `weights_outer`: a weight tile stays while the activation tiles pass; `activations_outer`: the reverse.
        Partial sums over input channels are innermost.
    packed_groups : int
        Groups of a grouped convolution computed side by side, their weights block-diagonal.
    """

    where: str = "array"
    images: int = 1
    out_h: int = 1
    out_w: int = 1
    out_c: int = 1
    in_c: int = 1
    order: str = "weights_outer"
    packed_groups: int = 1

    def as_dict(self) -> dict:
        """Return the fields as a plain dict, for mapping files."""
        return asdict(self)


NAMES = (
    "kind", "batch", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "kh", "kw", "sh", "sw", "dh", "dw", "pt", "pl",
    "groups", "c", "n",  # super-groups, and input and output channels of one
    "tb", "th", "tw", "tn", "tc", "order", "operands", "function", "fused", "resident",
    "a_slots", "a_size", "o_base", "o_slots", "o_size",
    "w_slots", "w_size", "acc_slots", "acc_size", "p_slots", "p_size",
    "dram_in", "dram_in2", "dram_weights", "dram_parameters", "dram_out", "dram_end",
    "parameter_mode", "pad_value", "z0", "z1", "zo", "low", "high",
)  # fmt: skip
G = {name: i for i, name in enumerate(NAMES)}


def as_vector(values: dict[str, int]) -> np.ndarray:
    """Return a plan's integers as int64, indexed by `G`."""
    return np.array([int(values[name]) for name in NAMES], np.int64)


#: What the emitter's walk remembers: next command; loads of each buffer so far and what was loaded last; the same as
#: the compute side, a step behind, sees it; sums and outputs so far.
WALK_NAMES = (
    "at", "a_loads", "w_loads", "p_loads", "a_id", "w_id", "p_id", "a_used", "w_used", "p_used", "a_in", "w_in", "p_in",
    "x_tiles", "o_tiles",
)  # fmt: skip
WALK = {name: i for i, name in enumerate(WALK_NAMES)}
