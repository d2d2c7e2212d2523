"""One connection: how every call of the client is made."""

from __future__ import annotations

from typing import Any, Callable, Optional

import grpc
from kith import _retry
from kith.errors import Error, Unavailable
from kith.options import Deadlines, RetryOptions

# Answers hold at most what the server was configured for; requests are the server's to refuse.
_MAX_RESPONSE_BYTES = 64 << 20


class Channel:
    """Thread-safe."""

    def __init__(self, address: str, deadlines: Deadlines, retry: RetryOptions) -> None:
        self.address = address
        self.deadlines = deadlines
        self.retry = retry
        self.grpc = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", _MAX_RESPONSE_BYTES),
                # Retries are the client's own (see _retry), and must find the channel trying.
                ("grpc.enable_retries", 0),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 1000),
                ("grpc.max_reconnect_backoff_ms", int(retry.max_pause * 1000)),
            ],
        )

    def call(
        self,
        method: Callable[..., Any],
        request: Any,
        default_timeout: float,
        timeout: Optional[float] = None,
        repeatable: bool = True,
    ) -> Any:
        """Calls a method of a stub; raises kith.Error."""
        try:
            return _retry.call_with_retries(
                lambda left: method(request, timeout=left),
                timeout=default_timeout if timeout is None else timeout,
                repeatable=repeatable,
                options=self.retry,
            )
        except Unavailable as error:
            raise self.explained(error) from None

    def explained(self, error: Error) -> Error:
        """Without a reason no server has spoken: says where it was looked for."""
        if isinstance(error, Unavailable) and not error.reason:
            return Unavailable(f"cannot reach a Kith server at {self.address}: {error.message}")
        return error

    def read(self, method: Callable[..., Any], request: Any, timeout: Optional[float]) -> Any:
        return self.call(method, request, self.deadlines.read, timeout)

    def close(self) -> None:
        self.grpc.close()
