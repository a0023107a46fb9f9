// A case as a graph on a device: built, filled, run and read back.
#pragma once

#include <memory>

#include "tessera/device.h"
#include "tessera/params.h"
#include "tests/cases/case.h"

namespace tessera::cases {

/// The device must outlive it.
class CaseRun {
 public:
  /// With `backward` the graph also has the gradients of output 0, weighted by an input `dy`, with
  /// respect to each input that has_gradient().
  CaseRun(const Case& c, Device& device, bool backward, const PlanOptions& options = {});

  /// Overwrites every byte of the arenas with 0xFF: NaN in floats, a pattern in guards.
  void poison();
  /// Writes inputs, parameters and states, `dy` last if there is one.
  void set(const Tensors& inputs);
  void run() { executable_->run(); }
  /// The outputs of the op, those written over an input included, then the gradients.
  Tensors results();

  const Plan& plan() const { return plan_; }
  Executable& executable() { return *executable_; }

 private:
  const Case& case_;
  Device& device_;
  Params params_;
  std::vector<std::string> updated_;  ///< per output: the parameter or state it is, or ""
  std::vector<std::string> inputs_;
  Plan plan_;
  std::unique_ptr<Executable> executable_;

  Graph build(bool backward);
};

/// Floats but states, which are updated and not trained.
bool has_gradient(const Input& input);
/// Whether gradients of a case can be asked for.
bool is_differentiable(const Case& c);

}  // namespace tessera::cases
