"""client.operations: long work that outlives a call."""

from __future__ import annotations

import time
from typing import Iterator, Optional

from google.protobuf.duration_pb2 import Duration
from kith import _convert, types
from kith._channel import Channel
from kith._pages import items_of_pages
from kith.errors import DeadlineExceeded
from kith.v1 import admin_service_pb2 as pb
from kith.v1 import admin_service_pb2_grpc

# One call of a wait: short enough that a server which goes away is noticed.
_WAIT_SLICE = 30.0
# What a call may take beyond the wait that it asks for.
_MARGIN = 10.0


class Operations:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = admin_service_pb2_grpc.AdminServiceStub(channel.grpc)

    def get(self, id: str, *, timeout: Optional[float] = None) -> types.Operation:
        response = self._channel.read(
            self._stub.GetOperation, pb.GetOperationRequest(id=id), timeout
        )
        return _convert.operation(response.operation)

    def list(
        self, *, page_size: int = 0, timeout: Optional[float] = None
    ) -> Iterator[types.Operation]:
        """Newest first; ended ones are kept for 7 days."""

        def fetch(page_token: str) -> pb.ListOperationsResponse:
            request = pb.ListOperationsRequest(page_size=page_size, page_token=page_token)
            return self._channel.read(self._stub.ListOperations, request, timeout)

        return map(_convert.operation, items_of_pages(fetch, "operations"))

    def cancel(
        self, operation: str | types.Operation, *, timeout: Optional[float] = None
    ) -> types.Operation:
        """Asks an operation to end early; it may still succeed first."""
        request = pb.CancelOperationRequest(id=_id_of(operation))
        response = self._channel.call(
            self._stub.CancelOperation, request, self._channel.deadlines.manage, timeout
        )
        return _convert.operation(response.operation)

    def wait(
        self, operation: str | types.Operation, *, timeout: Optional[float] = None
    ) -> types.Operation:
        """Returns when the operation has ended, whichever way (see `state` and `error`).
        DeadlineExceeded if it has not within `timeout` seconds; None waits for as long as it takes."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            wait = min(left, _WAIT_SLICE)
            request = pb.WaitOperationRequest(id=_id_of(operation), timeout=_duration(wait))
            response = self._channel.read(self._stub.WaitOperation, request, wait + _MARGIN)
            now = _convert.operation(response.operation)
            if now.ended:
                return now
            if time.monotonic() >= deadline:
                raise DeadlineExceeded(f"operation {now.id} has not ended in {timeout} s: {now.phase}")


def _id_of(operation: str | types.Operation) -> str:
    return operation if isinstance(operation, str) else operation.id


def _duration(seconds: float) -> Duration:
    nanos = int(seconds * 1e9)
    return Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)
