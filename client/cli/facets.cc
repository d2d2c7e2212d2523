// kith facets

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct FacetFlags {
  std::string collection;
  std::vector<std::string> fields;
  std::string filter;
  int32_t limit = 10;
};

std::string ValueText(const v1::Value& value) {
  v1::FacetValue holder;
  *holder.mutable_value() = value;
  const Json json = ToJson(holder)["value"];
  if (json.is_string()) return Shorten(json.get_ref<const std::string&>(), 60);
  // A time is {"timestamp": "..."}.
  if (json.is_object()) return Printable(json.begin()->get_ref<const std::string&>());
  return Printable(Dump(json));
}

absl::Status Facets(Context& context, const FacetFlags& flags) {
  v1::FacetDocumentsRequest request;
  request.set_collection(flags.collection);
  for (const std::string& field : flags.fields) request.add_fields(field);
  if (!flags.filter.empty()) request.set_filter(flags.filter);
  request.set_limit(flags.limit);
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto response, client->FacetDocuments(request));
  if (context.json) {
    for (const v1::Facet& facet : response.facets()) context.out.Object(ToJson(facet));
    return absl::OkStatus();
  }
  context.out.Line(Counted(response.document_count(), "document"));
  for (const v1::Facet& facet : response.facets()) {
    std::vector<std::vector<std::string>> rows = {
        {Shorten(facet.field(), 60), "DOCUMENTS", "PASSAGES"}};
    for (const v1::FacetValue& value : facet.values()) {
      rows.push_back({ValueText(value.value()), Grouped(value.document_count()),
                      Grouped(value.passage_count())});
    }
    context.out.Text("\n" + Table(rows));
    const auto shown = static_cast<uint64_t>(facet.values_size());
    if (facet.value_count() > shown) {
      context.out.Line(fmt::format("and {} more values", Grouped(facet.value_count() - shown)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddFacetsCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<FacetFlags>();
  CLI::App* command =
      AddCommand(app, context, "facets", "Count the documents that have each value of a field",
                 "  kith facets articles lang\n"
                 "  kith facets articles lang author --filter 'year >= 2020' --limit 5\n",
                 [&context, flags] { return Facets(context, *flags); });
  command->add_option("collection", flags->collection, "The collection")
      ->type_name("COLLECTION")
      ->required();
  command->add_option("field", flags->fields, "Fields of the metadata")
      ->type_name("FIELD")
      ->required();
  command->add_option("--filter", flags->filter, "Only documents whose metadata passes")
      ->type_name("FILTER");
  command->add_option("--limit", flags->limit, "Values of each field, the most frequent first")
      ->type_name("N")
      ->capture_default_str();
}

}  // namespace kith::cli
