"""Measurements; the package does not need them. See README.md beside this file."""
