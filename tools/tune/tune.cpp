// `tessera tune`: finds the fastest algorithms and tile sizes of a device for a model.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tessera/error.h"
#include "tessera/trainer.h"
#include "tools/shared/interrupt.h"
#include "tools/shared/json_text.h"
#include "tools/shared/made_up.h"
#include "tools/shared/standard_streams.h"
#include "tools/tune/tuning_run.h"

namespace tessera::tools {
namespace {

using nlohmann::ordered_json;

struct Arguments {
  MadeUpModel model;
  std::int64_t batch = 32;
  DeviceOption device;
  TuningOptions tuning;
  bool list = false, show = false, clear = false, json = false, worker = false;
};

ordered_json to_json(const Candidate& candidate) {
  return {{"algorithm", candidate.algorithm}, {"parameters", candidate.parameters}};
}

ordered_json to_json(const std::string& key, const Tuned& tuned) {
  ordered_json j = {{"key", key}};
  j.update(to_json(tuned.candidate));
  j["microseconds"] = 1e6 * tuned.seconds;
  j["default_microseconds"] = 1e6 * tuned.default_seconds;
  return j;
}

std::vector<TuningTask> tasks_of(Device& device, const Arguments& arguments) {
  ImageClassifier network(device, arguments.model.make());
  std::vector<Graph> graphs = Trainer(network).graphs(arguments.batch);
  graphs.push_back(network.evaluation_graph(arguments.batch));
  return tuning_tasks(device, graphs);
}

/// Prints the kinds of node and the stored result of each.
void list(Device& device, const Arguments& arguments) {
  const auto tasks = tasks_of(device, arguments);
  const Tuning known = load_tuning(device.info());
  auto all = ordered_json::array();
  for (const TuningTask& task : tasks) {
    const auto found = known.find(task.key);
    if (!arguments.json) {
      print("{}: {} nodes, {} candidates, {}\n", task.key, task.nodes, task.candidates.size(),
            found == known.end() ? "not tuned" : to_string(found->second.candidate));
      continue;
    }
    ordered_json j = {
        {"key", task.key}, {"nodes", task.nodes}, {"candidates", ordered_json::array()}};
    for (const Candidate& candidate : task.candidates)
      j["candidates"].push_back(to_json(candidate));
    j["tuned"] = found == known.end() ? ordered_json() : to_json(found->second.candidate);
    all.push_back(j);
  }
  if (arguments.json) print_text(json_text(all, 2) + "\n");
}

/// Prints the stored results of a device and the results embedded in the library.
void show(const DeviceInfo& info, bool json) {
  auto all = ordered_json::array();
  for (const auto& file : {stored_tuning(info), shipped_tuning(info)}) {
    if (!file) continue;
    if (json) {
      ordered_json j = {
          {"file", file->path}, {"problem", file->problem}, {"results", ordered_json::array()}};
      for (const auto& [key, tuned] : file->tuning) j["results"].push_back(to_json(key, tuned));
      all.push_back(j);
      continue;
    }
    print("{}: {}\n", file->path,
          file->problem.empty() ? fmt::format("{} results", file->tuning.size())
                                : "ignored: " + file->problem);
    for (const auto& [key, tuned] : file->tuning)
      print("  {}: {}, {:.1f} us, by default {:.1f}\n", key, to_string(tuned.candidate),
            1e6 * tuned.seconds, 1e6 * tuned.default_seconds);
  }
  if (json)
    print_text(json_text(all, 2) + "\n");
  else if (!stored_tuning(info))
    print("no results for {} ({}) in {}\n", info.name, info.id, tuning_folder());
}

void tune(Device& device, const Arguments& arguments) {
  const auto tasks = tasks_of(device, arguments);
  if (!arguments.json)
    print("tuning {} ({}) for {}, batch {}: {} kinds of node\n", device.info().name,
          device.info().id, arguments.model.name, arguments.batch, tasks.size());
  catch_interrupts();
  TuningRun run(device, arguments.tuning, arguments.json);
  run.run(tasks);
  if (!arguments.json) {
    print("{}\n", run.summary());
    return;
  }
  ordered_json j = {{"device", device.info().name}, {"file", run.file()},
                    {"kinds", tasks.size()},        {"known", run.known()},
                    {"left", run.left()},           {"results", ordered_json::array()}};
  for (const TuningOutcome& outcome : run.outcomes()) {
    ordered_json result = to_json(outcome.key, outcome.tuned);
    result["rejected"] = ordered_json::array();
    for (const auto& [candidate, reason] : outcome.rejected) {
      ordered_json rejected = to_json(candidate);
      rejected["reason"] = reason;
      result["rejected"].push_back(rejected);
    }
    j["results"].push_back(result);
  }
  print_text(json_text(j, 2) + "\n");
}

void run(const Arguments& arguments) {
  if (arguments.worker) return serve_tuning(arguments.device.device);
  const auto device = open_device(arguments.device.device);
  if (arguments.clear) {
    const bool removed = clear_tuning(device->info());
    print("{} for {}\n", removed ? "removed the results" : "found no results", device->info().name);
  } else if (arguments.show)
    show(device->info(), arguments.json);
  else if (arguments.list)
    list(*device, arguments);
  else
    tune(*device, arguments);
}

}  // namespace

void add_tune_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("tune", "Find and store the fastest algorithms of a device for a model");
  auto arguments = std::make_shared<Arguments>();
  arguments->model.add(*command);
  command->add_option("--batch", arguments->batch, "images in a step")
      ->check(at_least<std::int64_t>(1));
  arguments->device.add_device(*command);
  arguments->tuning.add(*command, "--seconds");
  command
      ->add_option("--candidate-seconds", arguments->tuning.candidate_seconds,
                   "time limit for one candidate in seconds; a slower one is rejected")
      ->check(at_least(0.0));
  command->add_flag("--again", arguments->tuning.again, "also tune what has been tuned before");
  CLI::Option* const list = command->add_flag(
      "--list", arguments->list, "list the kinds of node and their candidates without tuning");
  CLI::Option* const show =
      command->add_flag("--show", arguments->show, "show the stored results of the device");
  CLI::Option* const clear =
      command->add_flag("--clear", arguments->clear, "remove the stored results of the device");
  list->excludes(show)->excludes(clear);
  show->excludes(clear);
  command->add_flag("--json", arguments->json, "print JSON");
  command->add_flag("--worker", arguments->worker, "")->group("");  // for internal use
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tessera::tools
