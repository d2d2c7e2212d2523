"""One connection: how every call of the client is made."""

from __future__ import annotations

import os
import pathlib
from typing import Any, Callable, NamedTuple, Optional

import grpc
from kith import _retry
from kith.errors import Error, Unavailable
from kith.options import Deadlines, RetryOptions, Tls

# Answers hold at most what the server was configured for; requests are the server's to refuse.
_MAX_RESPONSE_BYTES = 64 << 20


class Channel:
    """Thread-safe."""

    def __init__(
        self,
        address: str,
        key: Optional[str],
        tls: Optional[Tls],
        key_in_clear: bool,
        deadlines: Deadlines,
        retry: RetryOptions,
    ) -> None:
        self.address = address
        self.deadlines = deadlines
        self.retry = retry
        if key and tls is None and not key_in_clear and not _is_this_machine(address):
            raise ValueError(
                f"the key would cross the network to {address} in clear: give tls=kith.Tls(...), "
                "or say key_in_clear=True"
            )
        options = [
            ("grpc.max_receive_message_length", _MAX_RESPONSE_BYTES),
            # Retries are the client's own (see _retry), and must find the channel trying.
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 1000),
            ("grpc.max_reconnect_backoff_ms", int(retry.max_pause * 1000)),
        ]
        self._connection = (
            grpc.insecure_channel(address, options=options)
            if tls is None
            else grpc.secure_channel(address, _credentials(tls), options=options)
        )
        self.grpc: grpc.Channel = (
            grpc.intercept_channel(self._connection, _KeySender(key)) if key else self._connection
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
        self._connection.close()


class _KeySender(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Sends the key with every call, whatever else its metadata are."""

    def __init__(self, key: str) -> None:
        self._entry = ("authorization", f"Bearer {key}")

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._with_key(details), request)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        return continuation(self._with_key(details), requests)

    def _with_key(self, details: Any) -> _Details:
        return _Details(
            details.method,
            details.timeout,
            [*(details.metadata or ()), self._entry],
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )


class _Details(NamedTuple):
    """What an interceptor may change of a call: the fields of grpc.ClientCallDetails."""

    method: str
    timeout: Optional[float]
    metadata: Optional[list[tuple[str, str]]]
    credentials: Optional[grpc.CallCredentials]
    wait_for_ready: Optional[bool]
    compression: Optional[grpc.Compression]


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    def read(path: Optional[str | os.PathLike[str]]) -> Optional[bytes]:
        return None if path is None else pathlib.Path(path).read_bytes()

    if (tls.cert is None) != (tls.key is None):
        raise ValueError("a client's certificate and its key belong together: give both, or none")
    return grpc.ssl_channel_credentials(read(tls.ca), read(tls.key), read(tls.cert))


def _is_this_machine(address: str) -> bool:
    host = address.rpartition(":")[0]
    return host in ("localhost", "[::1]") or host.startswith("127.")
