#include "server/security/access_rules.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/str_split.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/v1/admin_service.pb.h"
#include "kith/v1/collection_service.pb.h"
#include "kith/v1/document_service.pb.h"
#include "kith/v1/encoder_service.pb.h"
#include "kith/v1/search_service.pb.h"
#include "server/security/reasons.h"

namespace kith::security {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// The fields on the way from `message` to a collection's name; empty if the path leads nowhere, or
// to no single string.
std::vector<const FieldDescriptor*> Resolve(const Descriptor* message, const std::string& path) {
  std::vector<const FieldDescriptor*> fields;
  const std::vector<std::string> parts = absl::StrSplit(path, '.');
  for (const std::string& part : parts) {
    const FieldDescriptor* field = message == nullptr ? nullptr : message->FindFieldByName(part);
    if (field == nullptr || field->is_repeated()) return {};
    fields.push_back(field);
    message = field->message_type();  // null at a plain value, where the path must end
  }
  if (fields.back()->type() != FieldDescriptor::TYPE_STRING) return {};
  return fields;
}

absl::Status Broken(const MethodDescriptor& method, const std::string& why) {
  return Error(absl::StatusCode::kPermissionDenied, reason::kScopeDenied,
               "{} has no usable access rule: {}", method.full_name(), why);
}

std::vector<MethodRule> ReadRules() {
  std::vector<MethodRule> rules;
  for (const FileDescriptor* file : std::initializer_list<const FileDescriptor*>{
           v1::GetServerInfoRequest::descriptor()->file(),
           v1::GetCollectionRequest::descriptor()->file(),
           v1::GetDocumentsRequest::descriptor()->file(), v1::EncodeRequest::descriptor()->file(),
           v1::SearchRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const auto* service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        const MethodDescriptor* method = service->method(m);
        MethodRule rule;
        rule.method = service->name() + "/" + method->name();
        rule.rule = method->options().GetExtension(v1::access);
        rule.valid = CheckRule(*method, rule.rule);
        rules.push_back(std::move(rule));
      }
    }
  }
  std::sort(rules.begin(), rules.end(),
            [](const auto& a, const auto& b) { return a.method < b.method; });
  return rules;
}

}  // namespace

std::span<const MethodRule> AllRules() {
  static const std::vector<MethodRule>* const rules = new std::vector<MethodRule>(ReadRules());
  return *rules;
}

const MethodRule* FindRule(std::string_view method) {
  const auto rules = AllRules();
  const auto found = std::lower_bound(
      rules.begin(), rules.end(), method,
      [](const MethodRule& rule, std::string_view name) { return rule.method < name; });
  return found != rules.end() && found->method == method ? &*found : nullptr;
}

absl::Status CheckRule(const MethodDescriptor& method, const v1::AccessRule& rule) {
  if (rule.role() != v1::ROLE_READER && rule.role() != v1::ROLE_WRITER &&
      rule.role() != v1::ROLE_ADMIN) {
    return Broken(method, "option (access) with a role is missing");
  }
  if ((rule.collection_size() == 0) == (rule.reach() == v1::REACH_UNSPECIFIED)) {
    return Broken(method, "it must name either fields with collections, or its reach");
  }
  if (!v1::Reach_IsValid(rule.reach())) return Broken(method, "its reach is unknown");
  for (const std::string& path : rule.collection()) {
    if (Resolve(method.input_type(), path).empty()) {
      return Broken(method, "the request has no string " + Quoted(path));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> CollectionsNamed(const MethodRule& rule, const Message& request) {
  std::vector<std::string> names;
  for (const std::string& path : rule.rule.collection()) {
    const auto fields = Resolve(request.GetDescriptor(), path);
    KITH_CHECK(!fields.empty(), "CheckRule has seen the path in the request's type");
    const Message* message = &request;
    for (const FieldDescriptor* field : fields) {
      if (field->message_type() == nullptr) {
        names.push_back(message->GetReflection()->GetString(*message, field));
      } else {
        message = &message->GetReflection()->GetMessage(*message, field);
      }
    }
  }
  return names;
}

}  // namespace kith::security
