"""Integer functions as hardware: requantizers and the non-linear functions of I-ViT, each beside a numpy reference."""
