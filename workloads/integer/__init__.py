"""Integer arithmetic of quantized operators in plain numpy, one file a family.

`workloads.reference` runs networks with it and `workloads.integer.layers` runs single layers of a trace: one
arithmetic, two views. Functions take stored integers and zero points and know neither graph nor hardware.
"""
