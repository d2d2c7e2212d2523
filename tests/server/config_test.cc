#include "server/config/config.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/load.h"
#include "server/config/option_table.h"

namespace kith::config {
namespace {

using testing::HasSubstr;

using Variables = std::map<std::string, std::string>;

absl::StatusOr<CommandLine> Parse(const std::vector<std::string>& arguments,
                                  const Variables& variables = {}) {
  return ParseCommandLine(arguments, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

std::string ErrorOf(const absl::Status& status) { return std::string(status.message()); }

class ConfigFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  ~ConfigFileTest() override { std::filesystem::remove(path_); }

  const std::string path_ = testing::TempDir() + "kith-config-test-" + std::to_string(getpid());
};

TEST(ConfigTest, WithoutOptionsTheDefaultsAreTheDocumentedOnes) {
  const auto line = Parse({});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->action, CommandLine::Action::kServe);
  EXPECT_EQ(line->config.grpc_address.ToString(), "127.0.0.1:7600");
  EXPECT_EQ(line->config.data_dir, "kith-data");
  EXPECT_EQ(line->config.limits.message_bytes, 16u << 20);
  EXPECT_EQ(line->config.shutdown_timeout, absl::Seconds(30));
  EXPECT_EQ(line->config.slow_log, absl::Milliseconds(200));
}

TEST_F(ConfigFileTest, AFlagBeatsTheEnvironmentWhichBeatsTheFile) {
  const std::string file = Write("data-dir: from-file\nthreads: 3\nmax-text: 1MiB\n");
  const Variables variables = {{"KITH_DATA_DIR", "from-environment"}, {"KITH_THREADS", "5"}};
  const auto line = Parse({"--config", file, "--data-dir=from-flag"}, variables);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->config.data_dir, "from-flag");
  EXPECT_EQ(line->config.threads, 5u);
  EXPECT_EQ(line->config.limits.text_bytes, 1u << 20);
}

TEST_F(ConfigFileTest, TheFileCanBeNamedInTheEnvironment) {
  const auto line = Parse({}, {{"KITH_CONFIG", Write("threads: 7\n")}});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->config.threads, 7u);
}

TEST(ConfigTest, EveryOptionSurvivesAPrintedConfiguration) {
  // A value other than the default for each option.
  const std::map<std::string, std::string> values = {
      {"data-dir", "/var/lib/kith \"x\": #1"},
      {"grpc-address", "[::1]:7700"},
      {"insecure", "true"},
      {"max-connections", "12"},
      {"max-connections-per-address", "4"},
      {"handshake-timeout", "3s"},
      {"idle-timeout", "2m"},
      {"stall-timeout", "1500ms"},
      {"keys-file", "keys.jsonl"},
      {"tls-cert", "server.pem"},
      {"tls-key", "server.key"},
      {"tls-client-ca", "clients.pem"},
      {"model-dir", "models/other"},
      {"no-encoder", "false"},
      {"models-dir", "models"},
      {"load-models", "a-reranker,another"},
      {"query-cache", "64MiB"},
      {"threads", "3"},
      {"memory-budget", "512MiB"},
      {"index-threads", "2"},
      {"index-seal-rows", "4096"},
      {"index-idle", "3s"},
      {"index-merge-factor", "4"},
      {"max-index-debt", "50000"},
      {"max-concurrent-calls", "77"},
      {"max-message", "8MiB"},
      {"max-text", "2MiB"},
      {"max-batch-documents", "10"},
      {"max-batch-passages", "20"},
      {"log-format", "json"},
      {"log-level", "debug"},
      {"slow-log", "1500ms"},
      {"shutdown-timeout", "5m"},
  };
  Config config;
  for (const Option& option : AllOptions()) {
    ASSERT_TRUE(values.contains(option.name)) << "a value is missing here for " << option.name;
    const absl::Status status = option.parse(values.at(option.name), &config);
    ASSERT_TRUE(status.ok()) << option.name << ": " << status;
  }
  Config read;
  const absl::Status status = ApplyYaml(PrintYaml(config), "printed", &read);
  ASSERT_TRUE(status.ok()) << status << "\n" << PrintYaml(config);
  for (const Option& option : AllOptions()) {
    EXPECT_EQ(option.print(read), values.at(option.name)) << option.name;
  }
}

TEST(ConfigTest, TheDefaultsSurviveAPrintedConfiguration) {
  Config read;
  read.threads = 99;  // must be overwritten
  ASSERT_TRUE(ApplyYaml(PrintYaml(Config()), "printed", &read).ok());
  for (const Option& option : AllOptions()) EXPECT_EQ(option.print(read), option.print(Config()));
}

TEST(ConfigTest, WhatIsWrongInAFileIsNamedWithItsLine) {
  struct Case {
    const char* yaml;
    const char* message;
  };
  for (const Case& c : {
           Case{"threads: 2\n\ntread: 3\n", "f.yaml:3: there is no option \"tread\""},
           Case{"threads: many\n", "f.yaml:1: threads: \"many\" is not a whole number"},
           Case{"threads: 2\nthreads: 3\n", "f.yaml:2: threads is set twice"},
           Case{"threads: [1, 2]\n", "f.yaml:1: threads needs one plain value"},
           Case{"threads:\n", "f.yaml:1: threads needs one plain value"},
           Case{"- threads\n", "f.yaml:1: expected lines of `option: value`"},
           Case{"a: b: c\n", "f.yaml:1:"},
           Case{"[1, 2]: 3\n", "f.yaml:1: expected the name of an option"},
           Case{"memory-budget: 96%\n", "f.yaml:1: memory-budget: 96 is out of range"},
       }) {
    Config config;
    const absl::Status status = ApplyYaml(c.yaml, "f.yaml", &config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.yaml;
    EXPECT_THAT(ErrorOf(status), HasSubstr(c.message));
  }
}

TEST(ConfigTest, AnEmptyFileChangesNothing) {
  Config config;
  EXPECT_TRUE(ApplyYaml("", "f.yaml", &config).ok());
  EXPECT_TRUE(ApplyYaml("# only a comment\n", "f.yaml", &config).ok());
}

TEST(ConfigTest, ErrorsNameWhereTheValueWasSet) {
  EXPECT_THAT(ErrorOf(Parse({"--threads=x"}).status()), HasSubstr("--threads"));
  EXPECT_THAT(ErrorOf(Parse({}, {{"KITH_THREADS", "x"}}).status()), HasSubstr("KITH_THREADS"));
  EXPECT_THAT(ErrorOf(Parse({"--no-such"}).status()), HasSubstr("--no-such"));
  EXPECT_THAT(ErrorOf(Parse({"--config", "/no/such/file"}).status()), HasSubstr("cannot be read"));
  EXPECT_THAT(ErrorOf(Parse({"stray"}).status()), HasSubstr("stray"));
}

TEST(ConfigTest, BeyondLoopbackNeedsInsecure) {
  const auto refused = Parse({"--grpc-address", "0.0.0.0:7600"});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(ErrorOf(refused.status()), HasSubstr("--insecure"));
  EXPECT_TRUE(Parse({"--grpc-address", "0.0.0.0:7600", "--insecure"}).ok());
  EXPECT_TRUE(
      Parse({"--grpc-address=0.0.0.0:7600", "--keys-file=k", "--tls-cert=c", "--tls-key=k"}).ok());
  EXPECT_FALSE(Parse({"--grpc-address=0.0.0.0:7600", "--keys-file=k"}).ok());
  EXPECT_FALSE(Parse({"--grpc-address=0.0.0.0:7600", "--tls-cert=c", "--tls-key=k"}).ok());
  EXPECT_FALSE(Parse({"--tls-cert=c"}).ok());
  EXPECT_FALSE(Parse({"--tls-key=k"}).ok());
  EXPECT_FALSE(Parse({"--tls-client-ca=a"}).ok());
  EXPECT_FALSE(Parse({"--idle-timeout=1ms"}).ok());
  EXPECT_FALSE(Parse({"--grpc-address", "[::]:0", "--insecure=false"}).ok());
  EXPECT_TRUE(Parse({"--grpc-address", "[::1]:0"}).ok());
}

TEST(ConfigTest, ContradictionsAreRefused) {
  EXPECT_THAT(ErrorOf(Parse({"--no-encoder", "--model-dir", "m"}).status()),
              HasSubstr("contradict"));
  EXPECT_THAT(ErrorOf(Parse({"--max-text=32MiB"}).status()), HasSubstr("max-message"));
}

TEST(ConfigTest, HelpListsEveryOptionAndVersionIsShown) {
  const auto help = Parse({"--help"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_EQ(help->action, CommandLine::Action::kShow);
  for (const Option& option : AllOptions()) EXPECT_THAT(help->text, HasSubstr("--" + option.name));
  const auto version = Parse({"--version"});
  ASSERT_TRUE(version.ok());
  EXPECT_THAT(version->text, HasSubstr("kithd "));
}

TEST(ConfigTest, TheDocumentationListsEveryOptionWithItsDefault) {
  std::ifstream file(KITH_SOURCE_DIR "/docs/configuration.md");
  std::ostringstream text;
  text << file.rdbuf();
  for (const Option& option : AllOptions()) {
    const std::string value = option.print(Config());
    EXPECT_THAT(text.str(), HasSubstr("\n| `" + option.name + "` | " +
                                      (value.empty() ? "empty" : "`" + value + "`") + " | "));
  }
}

TEST(ConfigTest, CheckAndPrintAreSeen) {
  EXPECT_EQ(Parse({"--check-config"})->action, CommandLine::Action::kCheckConfig);
  EXPECT_EQ(Parse({"--print-config"})->action, CommandLine::Action::kPrintConfig);
}

}  // namespace
}  // namespace kith::config
