"""Memory that a step gave back stays with the program for the next one."""

from __future__ import annotations

import ctypes
import os
import sys

#: glibc's names for what is set, from its malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
#: Blocks up to this many bytes are kept when they are freed, and this much free memory is kept in all.
BLOCK, KEPT = 2**28, 2**29


def keep_freed_memory() -> bool:
    """Make the C library keep what is freed; say whether it does now.

    A step over eight pictures needs blocks of tens of MB, which glibc hands back to the system each time, and whose
    pages the system then clears anew: a fifth to a half of the time of what runs a network hundreds of times
    (docs/speed.md). In one arena, since those of further threads never keep so much. Only glibc is told so, and not
    where its own settings (MALLOC_..., GLIBC_TUNABLES) were made.
    """
    own = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if own or not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if getattr(library, "gnu_get_libc_version", None) is None:
        return False
    return all(
        library.mallopt(name, value) == 1
        for name, value in ((ARENA_MAX, 1), (MMAP_THRESHOLD, BLOCK), (TRIM_THRESHOLD, KEPT))
    )
