"""Ours against theirs: silicon and vendors' models, a file for each, a row for each figure."""
