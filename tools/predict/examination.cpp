#include "tools/predict/examination.h"

#include <fmt/core.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <functional>

#include "tessera/error.h"
#include "tessera/models.h"
#include "tools/check/op_check.h"
#include "tools/check/step_check.h"
#include "tools/shared/json_text.h"
#include "tools/shared/made_up.h"
#include "tools/shared/standard_streams.h"
#include "tools/shared/worker_process.h"

namespace tessera::tools {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Finding::Kind;
using Clock = std::chrono::steady_clock;

Clock::duration duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

void report(const Finding& finding) {
  print_text(json_text(to_json(finding)) + "\n");
  flush_output();
}

/// Small models that cover all kinds of op, each with an optimizer.
struct Net {
  MadeUpModel model;
  Optimizer optimizer;
};

const std::vector<Net>& nets() {
  static const std::vector<Net> all = {
      {{"tutorial", "32", 3, 10}, Optimizer::adam},
      {{"resnet20", "32", 3, 10}, Optimizer::sgd},
      {{"mobilenet_v2_cifar", "32", 3, 10}, Optimizer::rmsprop},
      {{"vit_tiny", "32", 3, 10}, Optimizer::adamw},
      {{"googlenet", "64", 3, 10}, Optimizer::lars},
      {{"densenet121", "32", 3, 10}, Optimizer::adagrad},
  };
  return all;
}

Batch batch_of(const ImageModel& model, std::int64_t images) {
  const Noise noise(model.input, model.classes, images);
  Loader loader(noise, {.batch = images});
  return *loader.next();
}

std::string check_net(Device& device, Device& reference, const Net& net) {
  ImageClassifier network(device, net.model.make());
  Trainer trainer(network, {.optimizer = net.optimizer});
  const StepCheck check =
      check_step(trainer, batch_of(network.model(), 2), reference, float32_tolerance);
  if (!check.wrong) return {};
  const std::string& text = check.wrong->not_finite;
  return fmt::format("{}: {}", name_of(*check.wrong),
                     text.empty() ? check.wrong->differences[0].lines[0] : text);
}

/// Compares the slope of the loss along its gradient, by finite differences on the device, with the
/// norm of the gradient.
std::string check_gradient(Device& device) {
  ImageClassifier network(device, MadeUpModel{"tutorial", "32", 3, 10}.make());
  const Noise images(network.model().input, network.model().classes, 16);
  Params& params = network.params();
  const std::string weights[] = {"conv1.weight", "conv2.weight", "fc1.weight", "fc3.bias"};
  std::map<std::string, std::vector<float>> before, gradient;
  for (const std::string& name : weights) before[name] = params.read_floats(name);
  Trainer trainer(network, {.lr = 1.0, .momentum = 0.0});
  trainer.step(batch_of(network.model(), 16));
  double squares = 0;
  for (const std::string& name : weights) {
    gradient[name] = before[name];
    const std::vector<float> after = params.read_floats(name);
    for (std::size_t i = 0; i < after.size(); ++i) {
      gradient[name][i] -= after[i];
      squares += static_cast<double>(gradient[name][i]) * static_cast<double>(gradient[name][i]);
    }
  }
  // The step moved all weights, also the ones that were not read; a network of the same seed has
  // the old values.
  ImageClassifier same(device, network.model());
  const double norm = std::sqrt(squares), step = 0.002;
  const auto loss_at = [&](double along) {
    for (const std::string& name : weights) {
      std::vector<float> w = before[name];
      for (std::size_t i = 0; i < w.size(); ++i)
        w[i] += static_cast<float>(along / norm) * gradient[name][i];
      same.params().write(name, std::as_bytes(std::span(w)));
    }
    return same.evaluate(images, 16).loss;
  };
  const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
  if (std::abs(slope - norm) <= 0.02 * norm) return {};
  return fmt::format("the slope of the loss is {:.5g}, expected {:.5g} from its gradient", slope,
                     norm);
}

/// Compares the losses of ten training steps with the reference.
std::string check_training(Device& device, Device& reference) {
  const ImageModel model = MadeUpModel{"tutorial", "32", 3, 10}.make();
  ImageClassifier network(device, model), golden(reference, model);
  Trainer trainer(network, {.lr = 0.02}), golden_trainer(golden, {.lr = 0.02});
  const Batch batch = batch_of(model, 16);
  for (int step = 1; step <= 10; ++step) {
    trainer.step(batch);
    golden_trainer.step(batch);
    const double found = trainer.take_losses().sum, expected = golden_trainer.take_losses().sum;
    if (!(std::abs(found - expected) <= 1e-3 * std::abs(expected)))
      return fmt::format("the loss of step {} is {:.6g}, expected {:.6g}", step, found, expected);
  }
  return {};
}

void report_check(const std::string& name, Kind failure,
                  const std::function<std::string()>& check) {
  try {
    const std::string problem = check();
    report({name, problem.empty() ? Kind::right : failure, problem});
  } catch (const std::exception& error) {
    report({name, failure, error.what()});
  }
}

void report_ops(Device& device, Clock::time_point until) {
  for (const FamilyCheck& check : check_ops(device, until)) {
    if (check.cases == 0) continue;  // the time was up
    const bool right = check.wrong.empty();
    report({"cases of " + check.family, right ? Kind::right : Kind::wrong,
            right ? fmt::format("{} cases", check.cases) : check.wrong});
  }
}

void report_figures(Device& device) {
  const Ceilings c = device.measure_ceilings();
  report({"arithmetic", Kind::figure, fmt::format("{:.1f} GFLOP/s", 1e-9 * c.flops)});
  report({"memory", Kind::figure, fmt::format("{:.1f} GB/s", 1e-9 * c.bytes)});
  report({"upload, download", Kind::figure,
          fmt::format("{:.1f}, {:.1f} GB/s", 1e-9 * c.upload, 1e-9 * c.download)});
  report({"launch", Kind::figure, fmt::format("{:.1f} us", 1e6 * c.launch)});
}

constexpr const char* end = "end";

/// A check without output for this long counts as hung; on a busy machine the slowest check needs a
/// few seconds. A check that is only slower than --seconds ends the examination and is no finding.
constexpr double hang_seconds = 60;
/// An examination that still makes progress ends after this multiple of --seconds, but not within
/// the first minute, since the last model needs long on a busy machine.
constexpr double most_times = 3;
/// The rest of --seconds is for the last model, which starts before the end of this share, and for
/// the measurements.
constexpr double share_of_checks = 0.6;

}  // namespace

Json to_json(const Finding& finding) {
  static constexpr const char* kinds[] = {"right", "figure", "lacks", "wrong", "unfinished"};
  return {{"check", finding.check},
          {"result", kinds[static_cast<std::size_t>(finding.kind)]},
          {"text", finding.text}};
}

std::optional<Finding> finding_of(const std::string& line) {
  const Json j = Json::parse(line, nullptr, false);
  for (const char* member : {"check", "result", "text"})
    if (!j.is_object() || !j.contains(member) || !j[member].is_string()) return {};
  const auto kind = j["result"].get<std::string>();
  return Finding{j["check"],
                 kind == "right"    ? Kind::right
                 : kind == "figure" ? Kind::figure
                 : kind == "lacks"  ? Kind::lacks
                                    : Kind::wrong,
                 j["text"]};
}

void serve_examination(const std::string& name, double seconds) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto until = Clock::now() + duration(share_of_checks * seconds);
  const auto device = open_device(name), reference = open_reference_device();
  device->set_tuning({});
  report({"open", Kind::right, ""});
  report_check("ten training steps", Kind::wrong,
               [&] { return check_training(*device, *reference); });
  report_check("a gradient by finite differences", Kind::wrong,
               [&] { return check_gradient(*device); });
  report_ops(*device, Clock::now() + duration(0.25 * seconds));
  for (const Net& net : nets())
    if (Clock::now() < until)
      report_check("nodes of " + net.model.name, Kind::wrong,
                   [&] { return check_net(*device, *reference, net); });
  report_figures(*device);
  for (const MatmulPrecision precision : {MatmulPrecision::tf32, MatmulPrecision::bf16})
    report_check(fmt::format("matrix units for {}", to_string(precision)), Kind::lacks,
                 [&] { return device->set_matmul_precision(precision); });
  print("{}\n", end);
  flush_output();
}

std::vector<Finding> examine(const DeviceInfo& info, double seconds) {
  std::vector<Finding> findings;
  WorkerProcess worker(
      {"doctor", "--worker", "--device", info.id, "--seconds", fmt::format("{}", seconds)});
  const double silence = std::min(seconds, hang_seconds);
  const double longest = std::max(most_times * seconds, hang_seconds);
  const auto last = Clock::now() + duration(longest);
  auto until = Clock::now() + duration(silence);
  for (std::string line;;) {
    const auto outcome = worker.receive(line, until);
    if (outcome == WorkerProcess::Outcome::line && line == end) return findings;
    if (outcome == WorkerProcess::Outcome::line) {
      const auto finding = finding_of(line);
      if (!finding) continue;  // output of a driver
      findings.push_back(*finding);
      until = std::min(Clock::now() + duration(silence), last);
      continue;
    }
    const bool ended = outcome == WorkerProcess::Outcome::ended;
    const bool slow = !ended && until == last;
    const std::string after = findings.empty() ? "the start" : "'" + findings.back().check + "'";
    findings.push_back(
        {"the process",
         ended || (!slow && seconds >= hang_seconds) ? Kind::wrong : Kind::unfinished,
         fmt::format("after {} {}", after,
                     ended  ? worker.how_it_ended()
                     : slow ? fmt::format("not done after {:g} s", longest)
                            : fmt::format("no output for {:g} s", silence))});
    return findings;
  }
}

}  // namespace tessera::tools
