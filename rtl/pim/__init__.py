"""Gates of a DRAM that computes: the multipliers beside its banks, and the scheduler of a channel's commands."""
