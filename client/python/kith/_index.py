"""client.index: the index of a collection, and the work on it."""

from __future__ import annotations

from typing import Any, Optional

from kith import _convert, types
from kith._channel import Channel
from kith.v1 import admin_service_pb2 as pb
from kith.v1 import admin_service_pb2_grpc


class Index:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = admin_service_pb2_grpc.AdminServiceStub(channel.grpc)

    def status(self, collection: str, *, timeout: Optional[float] = None) -> types.IndexStatus:
        request = pb.GetIndexStatusRequest(collection=collection)
        return _convert.index_status(
            self._channel.read(self._stub.GetIndexStatus, request, timeout)
        )

    def seal(self, collection: str, *, timeout: Optional[float] = None) -> types.Operation:
        """Begins index work that would come by itself. The operation (see client.operations.wait)
        ends when every row that is there now is in a graph."""
        return self._begin(self._stub.SealIndex, pb.SealIndexRequest(collection=collection), timeout)

    def merge(self, collection: str, *, timeout: Optional[float] = None) -> types.Operation:
        """As seal, and merges the segments as far as they go."""
        return self._begin(
            self._stub.MergeIndex, pb.MergeIndexRequest(collection=collection), timeout
        )

    def _begin(self, method: Any, request: Any, timeout: Optional[float]) -> types.Operation:
        # Tried once: a repeat would begin a second operation.
        manage = self._channel.deadlines.manage
        response = self._channel.call(method, request, manage, timeout, repeatable=False)
        return _convert.operation(response.operation)
