"""Cycle-level DRAM: standards as tables, one kernel, its plain-Python twin, energy, a legality checker."""
