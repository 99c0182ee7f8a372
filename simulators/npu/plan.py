"""A layer cut into tiles for one machine: what the emitter and the closed form both read, as named integers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

MATRIX, VECTOR_LAYER, MOVE = range(3)
WEIGHTS_OUTER, ACTIVATIONS_OUTER = range(2)
ORDERS = ("weights_outer", "activations_outer")
#: Whether a tile that stays is loaded again, and how sums get their biases: `Tiling.loads`, `Tiling.bias`.
KEPT, EVERY = range(2)
LOADS = ("kept", "every")
LATE, ROWS, FENCED = range(3)
BIASES = ("late", "rows", "fenced")


@dataclass(frozen=True)
class Tiling:
    """What the mapper chooses, and a mapping file says.

    Attributes
    ----------
    where : str
        `array` or `vector`.
    images, out_h, out_w : int
        Output pixels of a tile: images x rows x columns, a box.
    out_c, in_c : int
        Output and input channels of a tile.
    order : str
        `weights_outer`: a weight tile stays while the activation tiles pass; `activations_outer`: the reverse.
        Partial sums over input channels are innermost.
    packed_groups : int
        Groups of a grouped convolution computed side by side, their weights block-diagonal.
    loads : str
        `kept`: a tile that the next step needs too is not loaded again; `every`: each step loads both its operands.
    bias : str
        `late`: the requantizer adds biases. `rows`: before a tile's sums begin, memory has given a row of 32-bit biases
        for each of its pixels, as where accumulators start from biases. `fenced`: that, and only once the array has
        done the tile before.
    store_c : int
        Channels in a row of a store; 0: all of the tile's.
    """

    where: str = "array"
    images: int = 1
    out_h: int = 1
    out_w: int = 1
    out_c: int = 1
    in_c: int = 1
    order: str = "weights_outer"
    packed_groups: int = 1
    loads: str = "kept"
    bias: str = "late"
    store_c: int = 0

    def as_dict(self) -> dict:
        """Return the fields as a plain dict, for mapping files; of the last three those that are not the default."""
        usual = {"loads": "kept", "bias": "late", "store_c": 0}
        return {key: value for key, value in asdict(self).items() if usual.get(key) != value}


NAMES = (
    "kind", "batch", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "kh", "kw", "sh", "sw", "dh", "dw", "pt", "pl",
    "groups", "c", "n",  # super-groups, and input and output channels of one
    "tb", "th", "tw", "tn", "tc", "order", "operands", "function", "fused", "resident",
    "a_slots", "a_size", "o_base", "o_slots", "o_size",
    "w_slots", "w_size", "acc_slots", "acc_size", "p_slots", "p_size",
    "dram_in", "dram_in2", "dram_weights", "dram_parameters", "dram_out", "dram_end",
    "parameter_mode", "pad_value", "z0", "z1", "zo", "low", "high", "loads", "bias", "store_c",
)  # fmt: skip
G = {name: i for i, name in enumerate(NAMES)}


def as_vector(values: dict[str, int]) -> np.ndarray:
    """Return a plan's integers as int64, indexed by `G`."""
    return np.array([int(values[name]) for name in NAMES], np.int64)


#: What the emitter's walk remembers: next command; loads of each buffer so far and what was loaded last; the same as
#: the compute side, a step behind, sees it; sums, outputs and rows of biases so far.
WALK_NAMES = (
    "at", "a_loads", "w_loads", "p_loads", "a_id", "w_id", "p_id", "a_used", "w_used", "p_used", "a_in", "w_in", "p_in",
    "x_tiles", "o_tiles", "b_tiles",
)  # fmt: skip
WALK = {name: i for i, name in enumerate(WALK_NAMES)}
