// One attempt at an ingestion stream, in gRPC's types: what client.cc makes and ingest_stream.cc
// drives. Internal to client/cpp.

#ifndef KITH_CLIENT_CPP_INGEST_CONNECTION_H_
#define KITH_CLIENT_CPP_INGEST_CONNECTION_H_

#include <memory>

#include "client/cpp/ingest_stream.h"
#include "grpcpp/grpcpp.h"
#include "kith/v1/document_service.grpc.pb.h"

namespace kith::client {

struct IngestStream::Connection {
  explicit Connection(v1::DocumentService::Stub& stub) : stream(stub.IngestDocuments(&context)) {}

  // No deadline: a stream lives for as long as its caller has documents.
  grpc::ClientContext context;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::IngestDocumentsRequest, v1::IngestDocumentsResponse>>
      stream;
};

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_INGEST_CONNECTION_H_
