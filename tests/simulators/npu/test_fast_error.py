"""How far is the closed form from the event-driven simulation on the built-in networks?"""

from __future__ import annotations

from codesign.runner import prepare
from simulators.npu.simulate import simulate
from workloads.load import network_names

MACHINES = ("tpu_v1", "edge_npu")
#: Language models are long rather than different: a small encoder stands for them.
NETWORKS = [name for name in network_names() if name.startswith("onnx:")] + ["digits", "mobilenet-v2", "deit-t"]
PAIRS = [(network, machine) for machine in MACHINES for network in NETWORKS] + [("digits", "small_npu_8x8")]


def test_fast_stays_below_cycle_and_within_its_errors():
    """Errors are of a network's total: 5 % on average, 20 % at worst."""
    errors = []
    print(f"\n{'network':20s} {'machine':14s} {'cycle':>12s} {'fast':>12s} {'error %':>8s}  worst layer")
    for network, machine in PAIRS:
        ready = prepare(network, machine)
        cycle = simulate(ready.trace, ready.machine, "cycle")
        fast = simulate(ready.trace, ready.machine, "fast", cycle.mapping)
        worst = (0.0, "none")
        for slow, quick in zip(cycle.layers, fast.layers, strict=True):
            assert quick.cycles <= slow.cycles, f"{network} on {machine}: {slow.layer.name}"
            if slow.cycles:
                worst = max(worst, (1 - quick.cycles / slow.cycles, slow.layer.name))
        errors.append(1 - fast.cycles / cycle.cycles)
        print(
            f"{network:20s} {machine:14s} {cycle.cycles:12d} {fast.cycles:12d} {100 * errors[-1]:8.2f}  "
            f"{worst[1]} ({100 * worst[0]:.1f} %)"
        )
    mean, most = sum(errors) / len(errors), max(errors)
    print(f"mean {100 * mean:.2f} %, worst {100 * most:.2f} %")
    assert mean <= 0.05
    assert most <= 0.20
