// The commands of an executable's runs while its device profiles: an event each, read afterwards.
#pragma once

#include <vector>

#include "backends/opencl/runtime/launch.h"
#include "tessera/profile.h"

namespace tessera::opencl {

class Recorder {
 public:
  /// Enqueues a launch of a node.
  void enqueue(NodeId node, const Launch& launch, cl::CommandQueue& queue);
  /// Runs `work`, which enqueues commands of which there are no events; it is one record.
  template <class Work>
  void enclose(NodeId node, cl::CommandQueue& queue, const Work& work) {
    cl::Event before, after;
    queue.enqueueMarkerWithWaitList(nullptr, &before);
    work(queue);
    queue.enqueueMarkerWithWaitList(nullptr, &after);
    commands_.push_back({node, {}, "library call", Queue::compute, before, after});
  }
  /// A command that somebody else enqueued.
  void add(std::string what, Queue queue, const cl::Event& event) {
    commands_.push_back({no_node, {}, std::move(what), queue, {}, event});
  }

  /// All commands must have ended. `clock`: what to add to the device's seconds.
  std::vector<ProfileRecord> take(double clock);

 private:
  struct Command {
    NodeId node;
    cl::Kernel kernel;  ///< null: `work` says what it is
    std::string work;
    Queue queue;
    cl::Event before;  ///< null: it begins with `event`
    cl::Event event;
  };
  std::vector<Command> commands_;
};

}  // namespace tessera::opencl
