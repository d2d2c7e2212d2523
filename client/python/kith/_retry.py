"""Trying again: what is safe to, and after which pause.

    code                               read, repeatable write     tried once
    UNAVAILABLE                        again                      no: it may have happened
    RESOURCE_EXHAUSTED with advice     again                      again: it was refused
    anything else                      no                         no

A repeatable write carries a request id, under which the server writes nothing twice.
"""

from __future__ import annotations

import random
import time
from typing import Callable, TypeVar

import grpc
from kith.errors import Error, ResourceExhausted, Unavailable, from_rpc_error
from kith.options import RetryOptions

T = TypeVar("T")


def is_worth_retrying(error: Error, repeatable: bool) -> bool:
    if isinstance(error, Unavailable):
        return repeatable
    return isinstance(error, ResourceExhausted) and error.retry_after is not None


def pause_after(error: Error, attempt: int, options: RetryOptions) -> float:
    """Seconds to wait after attempt number `attempt`, from 1."""
    longest = min(options.first_pause * 2 ** min(attempt - 1, 30), options.max_pause)
    # Advice is spread too, upwards: the clients of an overloaded server come back one by one.
    advice = error.retry_after.total_seconds() if error.retry_after else 0.0
    return max(longest * random.uniform(0.5, 1.0), advice * random.uniform(1.0, 1.25))


def call_with_retries(
    attempt: Callable[[float], T], timeout: float, repeatable: bool, options: RetryOptions
) -> T:
    """Runs `attempt(seconds left)` until it succeeds, fails for good, or its time or number is used up.

    A pause that would not fit into the time left is not begun: the caller learns at once why.
    """
    deadline = time.monotonic() + timeout
    number = 1
    while True:
        try:
            return attempt(deadline - time.monotonic())
        except grpc.RpcError as failure:
            error = from_rpc_error(failure)
        if number >= options.max_attempts or not is_worth_retrying(error, repeatable):
            raise error
        pause = pause_after(error, number, options)
        if pause >= deadline - time.monotonic():
            raise error
        time.sleep(pause)
        number += 1
