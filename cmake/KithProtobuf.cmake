# kith_proto_library(NAME PROTOS kith/v1/a.proto ... [GRPC kith/v1/b.proto ...] [LINK targets...])
# A library of generated messages, kith::NAME. The protos of GRPC are services: their stubs go to a
# library of their own, kith::NAME_grpc, so that only what talks gRPC compiles gRPC's headers.
# Generated code is compiled without Kith's warning flags.
function(kith_proto_library name)
  cmake_parse_arguments(ARG "" "" "PROTOS;GRPC;LINK" ${ARGN})
  set(out ${PROJECT_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  set(sources)
  foreach(proto IN LISTS ARG_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
      COMMAND protobuf::protoc -I ${PROJECT_SOURCE_DIR}/proto --cpp_out=${out} ${proto}
      DEPENDS ${PROJECT_SOURCE_DIR}/proto/${proto} protobuf::protoc
      VERBATIM)
    list(APPEND sources ${out}/${stem}.pb.cc)
  endforeach()
  add_library(kith_${name} STATIC ${sources})
  add_library(kith::${name} ALIAS kith_${name})
  target_include_directories(kith_${name} SYSTEM PUBLIC ${out})
  target_link_libraries(kith_${name} PUBLIC protobuf::libprotobuf ${ARG_LINK})

  if(NOT ARG_GRPC)
    return()
  endif()
  set(sources)
  foreach(proto IN LISTS ARG_GRPC)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h
      COMMAND protobuf::protoc -I ${PROJECT_SOURCE_DIR}/proto --grpc_out=${out}
              --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${proto}
      DEPENDS ${PROJECT_SOURCE_DIR}/proto/${proto} protobuf::protoc
      VERBATIM)
    list(APPEND sources ${out}/${stem}.grpc.pb.cc)
  endforeach()
  add_library(kith_${name}_grpc STATIC ${sources})
  add_library(kith::${name}_grpc ALIAS kith_${name}_grpc)
  target_link_libraries(kith_${name}_grpc PUBLIC kith_${name} gRPC::grpc++)
endfunction()
