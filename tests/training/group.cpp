// Trainings on several devices: the bits of one device, whatever the shares, and devices that fail.
#include "tessera/group.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "tessera/classifier_group.h"
#include "tessera/error.h"
#include "tessera/layers.h"
#include "tests/devices.h"
#include "tests/refusal.h"
#include "tests/training/failing_device.h"
#include "tests/training/runs.h"
#include "tests/training/synthetic.h"

namespace tessera {
namespace {

const SyntheticImages& data() {
  static const SyntheticImages images(100, 12);
  return images;
}

ImageModel model() {
  const auto build = [](Var x) {
    x = relu(layers::batch_norm2d(layers::conv2d(x, "conv1", 8, 3), "bn1"));
    x = max_pool2d(relu(layers::batch_norm2d(layers::conv2d(x, "conv2", 8, 3), "bn2")));
    return layers::dense(layers::dropout(flatten(x), "dropout"), "fc", 4);
  };
  return {"group", {12, 12, 1, {.padding = 1}}, data().classes(), build};
}

TrainerOptions options(std::int64_t parts) {
  return {.optimizer = Optimizer::adamw,
          .lr = 0.01,
          .augment = augmentation_of("crop=2,flip,cutout=4"),
          .seed = 4,
          .clip_norm = 0.5,
          .parts = parts,
          .ema = 0.9};
}

/// Batches of 30 images and a last one of 10 in each epoch.
void train(Trainer& trainer, std::int64_t steps) {
  for (std::int64_t step = 0; step < steps;) {
    Loader loader(
        data(), {.batch = 30,
                 .order = shuffled_order(data().size(), 3, static_cast<std::uint64_t>(step / 4))});
    for (const Batch* next; step < steps && (next = loader.next()); ++step) trainer.step(*next);
  }
}

struct Result {
  Bytes weights;
  double loss;
};

Result train_on(const std::string& devices, std::int64_t parts, std::vector<double> shares = {},
                std::int64_t steps = 20) {
  const DeviceGroup group = open_devices(devices);
  ImageClassifier network(group.leader(), model(), 1);
  Trainer trainer(network, options(parts), group,
                  {.shares = std::move(shares), .replay = {}, .on_shares = {}});
  train(trainer, steps);
  const double loss = trainer.take_losses().mean();
  return {weights(network), loss};
}

/// What a group reports.
struct Event {
  GroupShares shares;
  std::string text;
};

auto record(std::vector<Event>& events) {
  return [&](const GroupShares& shares, const std::string& text) {
    events.push_back({shares, text});
  };
}

/// Devices that can be cut into four.
std::vector<std::string> divisible_devices() {
  std::vector<std::string> ids;
  for (const auto& device : open_usable_devices())
    if (device->info().type == DeviceType::cpu && device->info().compute_units >= 4)
      ids.push_back(device->info().id);
  return ids;
}

std::string refused(const std::string& list) {
  return refusal([&] { open_devices(list); });
}

}  // namespace

TEST_CASE("lists of devices") {
  CHECK(open_devices("cpu").devices().size() == 1);
  const DeviceGroup three = open_devices("cpu/3");
  CHECK(three.devices().size() == 3);
  CHECK(three.devices()[1]->info().id == "cpu/3:1");
  CHECK(three.leader().info().compute_units == 2);  // of 4 threads
  CHECK(three.devices()[2]->info().compute_units == 1);
  CHECK(open_devices("cpu/3:2,cpu/3:0").leader().info().id == "cpu/3:2");
  CHECK(refused("cpu,cpu") == "[device] cpu comes twice, expected different devices");
  CHECK(refused("cpu,,cpu/2") == "[device] the list 'cpu,,cpu/2' has an empty item");
  CHECK(refused("cpu,nonesuch").starts_with("[device] there is no device 'nonesuch'; there are: "));
  CHECK(refused("cpu/5") == "[cpu] has 4 threads, which do not make 5 devices");
  CHECK(refused("cpu/2:2") == "[device] 'cpu/2:2' is none: 2 parts are numbered from 0 to 1");
  CHECK(refused("cpu/0") == "[device] 'cpu/0' is none: a device is split into 1 or more");
  CHECK(refused("cpu/2x") ==
        "[device] 'cpu/2x' is none, expected DEVICE/N or DEVICE/N:K, as cpu/2:0");
  CHECK(refusal([] { open_device("cpu/2"); }) ==
        "[device] 'cpu/2' is a group of 2 devices, expected one, as cpu/2:0");
}

TEST_CASE("a group needs a part for each device, and shares") {
  const DeviceGroup group = open_devices("cpu/3");
  ImageClassifier network(group.leader(), model(), 1);
  const auto refused = [&](std::int64_t parts, std::vector<double> shares) {
    return refusal([&] {
      Trainer(network, options(parts), group,
              {.shares = std::move(shares), .replay = {}, .on_shares = {}});
    });
  };
  CHECK(refused(2, {}) ==
        "[train] 3 devices share 2 parts of a batch, expected at least one part per device");
  CHECK(refused(4, {1, 2}) == "[train] there are 2 shares, expected one for each of 3 devices");
  CHECK(refused(4, {1, 2, 0}) == "[train] shares are 1,2,0, expected numbers above 0");
  const auto other = open_device("cpu");
  ImageClassifier elsewhere(*other, model(), 1);
  CHECK(refusal([&] { Trainer(elsewhere, options(4), group); }) ==
        "[train] the network is on cpu, expected cpu/3:0, the first of the group");
}

TEST_CASE("how many devices there are, and what each computes, leaves no trace in the weights") {
  for (const std::string& id : divisible_devices())
    for (const std::int64_t parts : {7, 16}) {
      CAPTURE(id);
      CAPTURE(parts);
      const Result one = train_on(id, parts);
      CHECK(train_on(id + "/2:0", parts).weights == one.weights);
      for (const auto& shares :
           std::vector<std::vector<double>>{{1, 1}, {3, 1}, {5, 11}, {1, 30}}) {
        const Result two = train_on(id + "/2", parts, shares);
        CHECK(two.weights == one.weights);
        CHECK(two.loss == one.loss);
      }
      CHECK(train_on(id + "/3", parts).weights == one.weights);
      CHECK(train_on(id + "/4", parts, {1, 2, 3, 1}).weights == one.weights);
    }
}

TEST_CASE("a device that fails leaves the group, and no trace in the weights") {
  std::mt19937 random(5);
  const Result expected = train_on("cpu", 8);
  // One or two of three devices, at any moment: 50 failures.
  for (int round = 0; round < 33; ++round) {
    CAPTURE(round);
    std::array<Fault, 3> faults;
    std::vector<std::unique_ptr<Device>> devices;
    for (std::size_t i = 0; i < 3; ++i)
      devices.push_back(
          std::make_unique<FailingDevice>(open_device("cpu/3:" + std::to_string(i)), faults[i]));
    const std::size_t failing = 1 + static_cast<std::size_t>(round % 2), first = random() % 3;
    for (std::size_t i = 0; i < failing; ++i)
      faults[(first + i) % 3].runs_left = static_cast<int>(random() % 60);
    const DeviceGroup group(std::move(devices));
    std::vector<Event> events;
    ImageClassifier network(group.leader(), model(), 1);
    Trainer trainer(network, options(8), group,
                    {.shares = {1, 1, 1}, .replay = {}, .on_shares = record(events)});
    train(trainer, 20);
    CHECK(trainer.take_losses().mean() == expected.loss);
    CHECK(weights(network) == expected.weights);
    REQUIRE(events.size() >= 2);
    CHECK(events.size() <= 1 + failing);
    CHECK(events[0].shares.parts == std::vector<std::int64_t>{3, 3, 2});
    CHECK(events[1].text.find(" has failed and left the group: ") != std::string::npos);
    CHECK(events.back().shares.devices.size() == 3 - failing);
    // The network is where the training is.
    CHECK(network.evaluate(data(), 50).images == 100);
  }
}

TEST_CASE("a device that holds other weights is named") {
  for (const bool is_checked : {true, false}) {
    std::array<Fault, 2> faults;
    std::vector<std::unique_ptr<Device>> devices;
    for (int i = 0; i < 2; ++i)
      devices.push_back(std::make_unique<FailingDevice>(open_device("cpu/2:" + std::to_string(i)),
                                                        faults[static_cast<std::size_t>(i)]));
    const DeviceGroup group(std::move(devices));
    ImageClassifier network(group.leader(), model(), 1);
    Trainer trainer(network, options(4), group, {.check_every = is_checked ? 3 : 0});
    train(trainer, 6);
    faults[1].uploads_left = 0;
    if (is_checked)
      CHECK(refusal([&] { train(trainer, 6); }) ==
            "[train] device 'cpu/2:1' holds other weights after step 9, expected those of "
            "'cpu/2:0'");
    else
      train(trainer, 6);
  }
}

TEST_CASE("devices of several kinds hold the weights of the first one") {
  std::string list;
  for (const auto& device : open_usable_devices())
    list += (list.empty() ? "" : ",") + device->info().id;
  const DeviceGroup group = open_devices(list);
  ImageClassifier network(group.leader(), model(), 1);
  Trainer trainer(network, options(8), group, {.check_every = 1});
  train(trainer, 5);
}

TEST_CASE("a group counts the samples of each device and reports its work") {
  const DeviceGroup group = open_devices("cpu/2");
  ImageClassifier network(group.leader(), model(), 1);
  std::mutex mutex;
  std::map<std::string, int> spans;
  const auto on_span = [&](const GroupSpan& span) {
    const std::lock_guard lock(mutex);
    CHECK(span.end >= span.start);
    ++spans[span.device + " " + span.work];
  };
  Trainer trainer(network, options(6), group, {.shares = {2, 1}, .on_span = on_span});
  train(trainer, 4);  // 30 + 30 + 30 + 10 images
  const std::vector<DeviceSamples> samples = trainer.take_samples();
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].device == "cpu/2:0");
  CHECK(samples[0].samples == 3 * 20 + 8);  // of 10 images the first four parts have two
  CHECK(samples[1].samples == 3 * 10 + 2);
  CHECK(trainer.take_samples()[0].samples == 0);
  CHECK(spans == std::map<std::string, int>{{" sum", 4},
                                            {"cpu/2:0 gradients", 4},
                                            {"cpu/2:0 update", 4},
                                            {"cpu/2:1 gradients", 4},
                                            {"cpu/2:1 update", 4}});
  const std::vector<DeviceExecutables> executables = trainer.executables_by_device();
  REQUIRE(executables.size() == 2);
  CHECK(executables[1].device == "cpu/2:1");
  CHECK(executables[1].executables.size() >= 2);
}

TEST_CASE("a group evaluates with the bits of one device") {
  const DeviceGroup one = open_devices("cpu/3:0"), three = open_devices("cpu/3");
  ImageClassifier network(one.leader(), model(), 1), shared(three.leader(), model(), 1);
  Trainer trainer(network, options(1)), same(shared, options(1));
  ClassifierGroup group(shared, three);
  for (int round = 0; round < 2; ++round) {  // the group has the weights of each moment
    train(trainer, 4);
    train(same, 4);
    for (const Weights weights : {Weights::last, Weights::averaged}) {
      std::vector<float> expected, found;
      const auto add_to = [](std::vector<float>& all) {
        return [&all](std::int32_t label, std::span<const float> row) {
          all.push_back(static_cast<float>(label));
          all.insert(all.end(), row.begin(), row.end());
        };
      };
      const auto a = network.evaluate(data(), 7, weights, {}, add_to(expected));
      const auto b = group.evaluate(data(), 7, weights, {}, add_to(found));
      CHECK(b.images == 100);
      CHECK(b.loss == a.loss);
      CHECK(b.accuracy == a.accuracy);
      CHECK(found == expected);
    }
  }
  int left = 3;
  const auto stops = [&] { return left-- == 0; };
  CHECK(group.evaluate(data(), 7, Weights::last, stops).images == 21);
}

TEST_CASE("devices that fail leave an evaluation to the others") {
  std::array<Fault, 3> faults;
  std::vector<std::unique_ptr<Device>> devices;
  for (std::size_t i = 0; i < 3; ++i)
    devices.push_back(
        std::make_unique<FailingDevice>(open_device("cpu/3:" + std::to_string(i)), faults[i]));
  const DeviceGroup three(std::move(devices));
  ImageClassifier network(three.leader(), model(), 1);
  const ClassifierEvaluation expected = network.evaluate(data(), 5);
  std::vector<std::string> texts;
  ClassifierGroup group(network, three, [&](const std::string& text) { texts.push_back(text); });
  faults[1].runs_left = 1;
  faults[2].runs_left = 0;
  // A device that is late may get no batch, and fails in a later evaluation.
  for (int round = 0; round < 1000 && texts.size() < 2; ++round) {
    const ClassifierEvaluation found = group.evaluate(data(), 5);
    CHECK(found.loss == expected.loss);
    CHECK(found.images == 100);
  }
  std::sort(texts.begin(), texts.end());
  CHECK(texts ==
        std::vector<std::string>{"cpu/3:1 has failed and left the group: [cpu/3:1] was unplugged",
                                 "cpu/3:2 has failed and left the group: [cpu/3:2] was unplugged"});
  faults[0].runs_left = 3;
  for (int again = 0; again < 2; ++again)
    CHECK(refusal([&] { group.evaluate(data(), 5); }) == "[cpu/3:0] was unplugged");
  const DeviceGroup others = open_devices("cpu");
  CHECK(refusal([&] { ClassifierGroup(network, others); }) ==
        "[evaluate] the network is on cpu/3:0, expected a device of the group");
}

TEST_CASE("the error of the last device is the error") {
  std::array<Fault, 2> faults;
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < 2; ++i) {
    faults[static_cast<std::size_t>(i)].runs_left = 20 + 20 * i;
    devices.push_back(std::make_unique<FailingDevice>(open_device("cpu/2:" + std::to_string(i)),
                                                      faults[static_cast<std::size_t>(i)]));
  }
  const DeviceGroup group(std::move(devices));
  ImageClassifier network(group.leader(), model(), 1);
  Trainer trainer(network, options(4), group);
  CHECK(refusal([&] { train(trainer, 40); }) == "[cpu/2:1] was unplugged");
}

TEST_CASE("work moves to the faster device") {
  std::array<Fault, 2> faults;
  faults[1].slow_factor = 4;
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < 2; ++i)
    devices.push_back(std::make_unique<FailingDevice>(open_device("cpu/4:" + std::to_string(i)),
                                                      faults[static_cast<std::size_t>(i)]));
  const DeviceGroup group(std::move(devices));
  std::vector<Event> events;
  ImageClassifier network(group.leader(), model(), 1);
  Trainer trainer(network, options(10), group,
                  {.shares = {}, .replay = {}, .on_shares = record(events)});
  train(trainer, 20);
  REQUIRE(events.size() >= 2);
  CHECK(events[0].shares == GroupShares{0, {"cpu/4:0", "cpu/4:1"}, {5, 5}});
  CHECK(events[0].text.empty());
  CHECK(events[1].shares.step < 20);
  CHECK(events[1].shares.parts[0] > events[1].shares.parts[1]);
  CHECK(events[1].shares.parts[0] + events[1].shares.parts[1] == 10);
  CHECK(weights(network) == train_on("cpu", 10).weights);
}

TEST_CASE("devices of several kinds train together") {
  std::string list;
  std::size_t count = 0;
  for (const auto& device : open_usable_devices()) {
    list += (list.empty() ? "" : ",") + device->info().id;
    ++count;
  }
  if (count < 2) return;
  const Result one = train_on("cpu", 8, {}, 40);
  const std::vector<double> equal(count, 1);
  const Result mixed = train_on(list, 8, equal, 40);
  CHECK(mixed.loss == doctest::Approx(one.loss).epsilon(1e-4));
  const Result again = train_on(list, 8, equal, 40);
  CHECK(again.weights == mixed.weights);
}

TEST_CASE("a replay takes the shares of the run that it repeats") {
  std::vector<std::string> ids;
  for (const auto& device : open_usable_devices()) ids.push_back(device->info().id);
  if (ids.size() < 2) ids = {"cpu/2:0", "cpu/2:1"};
  const std::string first = ids[0], second = ids[1];
  const auto run = [&](const std::vector<GroupShares>& replay, std::vector<Event>& events) {
    const DeviceGroup group = open_devices(first + "," + second);
    ImageClassifier network(group.leader(), model(), 1);
    Trainer trainer(network, options(8), group,
                    {.shares = {}, .replay = replay, .on_shares = record(events)});
    train(trainer, 12);
    return weights(network);
  };
  std::vector<Event> events, same;
  const std::vector<GroupShares> changes = {{0, {first, second}, {5, 3}},
                                            {4, {first, second}, {1, 7}},
                                            {5, {first}, {8}},
                                            {9, {first, second}, {8, 0}}};
  const Bytes once = run(changes, events);
  CHECK(run(changes, same) == once);
  CHECK(events.size() == 1);
  CHECK(events[0].shares.parts == std::vector<std::int64_t>{5, 3});
}

}  // namespace tessera
