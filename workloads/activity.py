"""Toggle rates of operands in the order in which an array streams them: the energy of a PE depends on them.

A rate is the mean share of an operand's bits that differ between consecutive values on a lane: the Hamming distance
of the stored patterns (two's complement, or the bits of a float) over the format's bits. Which order counts is the
dataflow's: ``ws`` streams one (tap, channel) of the activations over output positions, ``os`` the activations of one
pixel and the weights of one output over depth (tap-major, channels innermost), ``is`` the weights of one depth over
outputs. The rates belong to the network and its values, not to a machine: tiles and folds do not cut the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from workloads.errors import CodesignError
from workloads.formats import parse_format

#: How a rate is known: counted on real values, or the default of uniform random bits.
SOURCES = ("measured", "default")


@dataclass(frozen=True)
class Activity:
    """Rates of one layer's operands, each 0 to 1.

    The defaults are those of independent uniform int8 values: a bit equals the one before it in half of all cases,
    one value in 2^8 is zero (`default_activity` for other formats).

    Attributes
    ----------
    activation_over_positions, activation_over_depth : float
        Share of activation bits that toggle between successive output positions (one tap and channel), and between
        successive depths (one output position). Padding is part of the stream.
    weight_over_depth, weight_over_outputs : float
        Share of weight bits that toggle between successive depths (one output), and between successive outputs (one
        depth, group after group).
    activation_zeros, weight_zeros : float
        Share of the streamed values whose stored pattern is zero, whatever their zero point is.
    activation_source, weight_source : str
        One of `SOURCES`.
    """

    activation_over_positions: float = 0.5
    activation_over_depth: float = 0.5
    weight_over_depth: float = 0.5
    weight_over_outputs: float = 0.5
    activation_zeros: float = 2.0**-8
    weight_zeros: float = 2.0**-8
    activation_source: str = "default"
    weight_source: str = "default"


#: The default: independent uniform int8 values.
UNIFORM_INT8 = Activity()


def default_activity(activation_format: str, weight_format: str) -> Activity:
    """Return the activity of independent uniform random bits in two formats: half of them toggle, 2^-bits are zero."""
    activation_zeros, weight_zeros = (2.0 ** -parse_format(name).bits for name in (activation_format, weight_format))
    return Activity(activation_zeros=activation_zeros, weight_zeros=weight_zeros)


def check_activity(activity: Activity, where: str) -> None:
    """Refuse rates outside 0 to 1 and unknown sources.

    Raises
    ------
    CodesignError
        Naming the field.
    """
    for entry in fields(Activity):
        value = getattr(activity, entry.name)
        if entry.name.endswith("_source"):
            if value not in SOURCES:
                raise CodesignError(f"{where}: {entry.name} '{value[:60]}' is not known; use {' or '.join(SOURCES)}")
        elif not 0 <= value <= 1:
            raise CodesignError(f"{where}: {entry.name} = {value}: use a share from 0 to 1")


def activity_text(activities: Sequence[Activity], inputs: int) -> str:
    """Return in one phrase how the rates of some layers are known; empty for no layers.

    Parameters
    ----------
    inputs : int
        Inferences that the activations were measured on.
    """
    if not activities:
        return ""
    weights = _share("weights", [activity.weight_source for activity in activities])
    activations = _share("activations", [activity.activation_source for activity in activities])
    if inputs:
        activations += f" on {inputs} input{'s' if inputs > 1 else ''}"
    text = f"{weights}, {activations}"
    return text if "measured" in text else "default (uniform random bits)"


def _share(what: str, sources: list[str]) -> str:
    measured = sources.count("measured")
    if measured in (0, len(sources)):
        return f"{what} {'measured' if measured else 'default (uniform random bits)'}"
    return f"{what} measured in {measured} of {len(sources)} layers"
