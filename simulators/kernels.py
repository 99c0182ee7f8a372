"""The decorator of every numba kernel: compiled once, cached on disk, no checks for division by zero."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from numba import njit, types


def _plain(numba_type: Any) -> Any:
    """Return a numba type without literal values: `Literal[int](3)` is int64."""
    if isinstance(numba_type, types.Tuple | types.UniTuple):
        return types.Tuple([_plain(one) for one in numba_type])
    return types.unliteral(numba_type)


def kernel(function: Callable, **options: Any) -> Any:
    """Compile a function like `numba.njit`, but once for all literal arguments, and without allocation.

    Kernels divide only by extents of at least 1 (the program checker sees to it), so C's division serves. They
    allocate nothing and return no view of an array. numba compiles a callee anew for every constant that it is called
    with; constants that matter are inlined by LLVM all the same. Together this more than halves a first run's wait.
    """
    dispatcher = njit(cache=True, error_model="numpy", no_cfunc_wrapper=True, _nrt=False, **options)(function)
    resolve = getattr(dispatcher, "get_call_template", None)
    if resolve is None:  # NUMBA_DISABLE_JIT: the function itself
        return dispatcher

    @functools.wraps(resolve)
    def without_literals(args: Any, kws: Any) -> Any:
        return resolve(tuple(map(_plain, args)), {name: _plain(one) for name, one in kws.items()})

    dispatcher.get_call_template = without_literals
    return dispatcher


def inlined_kernel(function: Callable) -> Any:
    """Compile a kernel that LLVM always inlines: for those called at every event, with the whole state as argument."""
    return kernel(function, forceinline=True)


@kernel
def copy_into(target, source):
    """Copy a row of values into another, element by element (a slice assignment would allocate)."""
    for i in range(target.shape[0]):
        target[i] = source[i]
