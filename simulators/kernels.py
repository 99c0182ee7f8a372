"""The decorator of every numba kernel: compiled once, cached on disk, no checks for division by zero."""

from __future__ import annotations

import functools

from numba import njit

#: Kernels divide only by extents of at least 1 (the program checker sees to it), so C's division serves.
#: They allocate nothing, which halves their compile time; one that returns a view of an array is a `view_kernel`.
kernel = functools.partial(njit, cache=True, error_model="numpy", _nrt=False)()
view_kernel = functools.partial(njit, cache=True, error_model="numpy")()


@kernel
def copy_into(target, source):
    """Copy a row of values into another, element by element (a slice assignment would allocate)."""
    for i in range(target.shape[0]):
        target[i] = source[i]
