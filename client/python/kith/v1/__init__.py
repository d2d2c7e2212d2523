"""The messages and stubs of the public API (package kith.v1), generated from proto/kith/v1.

What `kith.Client` is made of. Programs that need a field which it does not offer use these with
`client.channel`:

    from kith.v1 import search_service_pb2, search_service_pb2_grpc
    stub = search_service_pb2_grpc.SearchServiceStub(client.channel)
"""
