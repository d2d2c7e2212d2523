// One attempt at an ingestion stream, in gRPC's types: what client.cc makes and ingest_stream.cc
// drives. Internal to client/cpp.

#ifndef KITH_CLIENT_CPP_INGEST_CONNECTION_H_
#define KITH_CLIENT_CPP_INGEST_CONNECTION_H_

#include <memory>

#include "client/cpp/channel_credentials.h"
#include "client/cpp/ingest_stream.h"
#include "grpcpp/grpcpp.h"
#include "kith/v1/document_service.grpc.pb.h"

namespace kith::client {

struct IngestStream::Connection {
  Connection(v1::DocumentService::Stub& stub, const Credentials& credentials)
      : stream(Begin(stub, credentials)) {}

  // No deadline: a stream lives for as long as its caller has documents.
  grpc::ClientContext context;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::IngestDocumentsRequest, v1::IngestDocumentsResponse>>
      stream;

 private:
  auto Begin(v1::DocumentService::Stub& stub, const Credentials& credentials) -> std::unique_ptr<
      grpc::ClientReaderWriter<v1::IngestDocumentsRequest, v1::IngestDocumentsResponse>> {
    SendKey(credentials, &context);
    return stub.IngestDocuments(&context);
  }
};

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_INGEST_CONNECTION_H_
