"""Networks built from published shapes, by name."""

from __future__ import annotations

from collections.abc import Callable

from workloads.errors import CodesignError
from workloads.network import Network
from workloads.phase import Phase
from workloads.zoo.cnn import efficientnet_b0, mobilenet_v2, resnet18
from workloads.zoo.efficientvit import efficientvit_b1
from workloads.zoo.language_models import BERTS, DECODERS, VISION_TRANSFORMERS
from workloads.zoo.super_resolution import fsrcnn, fsrcnn_phases, sesr_m5
from workloads.zoo.swin import swin_t

#: Builders of networks that read an image, besides ViT and DeiT.
IMAGE_NETWORKS: dict[str, Callable[[], Network]] = {
    "resnet18": resnet18,
    "mobilenet-v2": mobilenet_v2,
    "efficientnet-b0": efficientnet_b0,
    "swin-t": swin_t,
    "efficientvit-b1": efficientvit_b1,
    "sesr-m5": sesr_m5,
    "fsrcnn": fsrcnn,
    "fsrcnn-phases": fsrcnn_phases,
}


def zoo_names() -> list[str]:
    """Return the names of the networks that `zoo_network` builds."""
    return [*IMAGE_NETWORKS, *VISION_TRANSFORMERS, *BERTS, *DECODERS]


def zoo_network(name: str, phase: Phase | None = None) -> Network:
    """Return the network called `name`, weights as shapes only.

    Parameters
    ----------
    name : str
        One of `zoo_names`.
    phase : Phase, optional
        Prefill or decode, context, and format of the key-value cache; for language models only.

    Raises
    ------
    CodesignError
        When a phase is given to a network that has none, or does not fit the model.
    """
    phase = phase or Phase()
    if name in DECODERS:
        from workloads.zoo.transformer import decoder

        return decoder(DECODERS[name], phase)
    from workloads.zoo.encoder import bert, vision_transformer

    if name in BERTS:
        return bert(BERTS[name], phase)
    if phase.given():
        raise CodesignError(f"{name}: {phase.given()}: only language models have phases")
    return IMAGE_NETWORKS[name]() if name in IMAGE_NETWORKS else vision_transformer(VISION_TRANSFORMERS[name], name)
