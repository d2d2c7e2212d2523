#include "client/cli/documents_update.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/metadata.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

absl::Status Update(Context& context, const UpdateFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto request, flags.Request());
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto response, client->UpdateMetadata(std::move(request)));
  for (const v1::MetadataUpdateResult& result : response.results()) {
    if (context.json) {
      context.out.Object(ToJson(result));
    } else if (!result.etag().empty()) {
      context.out.Line(
          fmt::format("{} updated, etag {}", Printable(result.id()), Printable(result.etag())));
    }
  }
  if (response.missing_count() == 0) return absl::OkStatus();
  std::vector<std::string> missing;
  for (const v1::MetadataUpdateResult& result : response.results()) {
    if (result.etag().empty()) missing.push_back(result.id());
  }
  return absl::NotFoundError(fmt::format("{} of {} documents do not exist: {}", missing.size(),
                                         flags.ids.size(), fmt::join(missing, ", ")));
}

}  // namespace

absl::StatusOr<v1::UpdateMetadataRequest> UpdateFlags::Request() const {
  if (set.empty() && remove.empty() && !replace) {
    return UsageError("nothing to change: give --set KEY=VALUE, --remove KEY or --replace");
  }
  if (!if_match.empty() && ids.size() > 1) {
    return UsageError("--if-match is the etag of one document, and {} are named", ids.size());
  }
  v1::MetadataUpdate update;
  for (const std::string& pair : set) {
    KITH_ASSIGN_OR_RETURN(auto parsed, ParseMetadataPair(pair));
    if (!update.mutable_set()->insert({parsed.first, parsed.second}).second) {
      return UsageError("\"{}\" is set twice", parsed.first);
    }
  }
  for (const std::string& key : remove) {
    if (update.set().contains(key)) return UsageError("\"{}\" is set and removed", key);
    update.add_remove(key);
  }
  if (replace) update.set_mode(v1::METADATA_UPDATE_MODE_REPLACE);
  update.set_if_match(if_match);
  v1::UpdateMetadataRequest request;
  request.set_collection(collection);
  for (const std::string& id : ids) {
    *request.add_updates() = update;
    request.mutable_updates()->rbegin()->set_id(id);
  }
  return request;
}

void UpdateFlags::AddTo(CLI::App& app) {
  app.add_option("collection", collection, "The collection")->type_name("COLLECTION")->required();
  app.add_option("id", ids, "Ids, at most 1,000")->type_name("ID")->required();
  app.add_option("--set", set,
                 "key=value (number, true/false or string as it looks), or key:=JSON; repeatable")
      ->type_name("K=V")
      ->allow_extra_args(false);
  auto* removed = app.add_option("--remove", remove, "A key that goes; repeatable")
                      ->type_name("KEY")
                      ->allow_extra_args(false);
  app.add_flag("--replace", replace, "All keys that are not set go")->excludes(removed);
  app.add_option("--if-match", if_match, "Only if the stored document has this etag")
      ->type_name("ETAG");
}

void AddDocumentsUpdateCommand(CLI::App& group, Context& context) {
  auto flags = std::make_shared<UpdateFlags>();
  CLI::App* command = AddCommand(
      group, context, "update", "Change the metadata of documents; texts and vectors stay",
      "  kith documents update articles attention --set year=2017 --set tags:='[\"nlp\"]'\n"
      "  kith documents update articles attention bert --remove draft\n",
      [&context, flags] { return Update(context, *flags); });
  flags->AddTo(*command);
}

}  // namespace kith::cli
