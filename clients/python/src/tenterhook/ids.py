"""Ids of events that have none."""

from __future__ import annotations

import os
from collections import deque

_SIZE = 16
_AT_ONCE = 64

# Each look at the system's random numbers lets another thread run, which costs a busy publisher a quarter of its time.
_drawn: deque[bytes] = deque()


def new_id() -> str:
    """128 random bits as hex."""
    while True:
        try:
            return _drawn.pop().hex()
        except IndexError:
            bits = os.urandom(_SIZE * _AT_ONCE)
            _drawn.extend(bits[at : at + _SIZE] for at in range(0, len(bits), _SIZE))


# What a fork inherits its parent has too.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawn.clear)
