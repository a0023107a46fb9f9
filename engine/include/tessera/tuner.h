// The tuner: which kinds of node there are to tune in some graphs, and what each candidate for one
// takes. A driver may crash or hang over a candidate, so programs measure in a process of their
// own: jobs go to it and reports come back as lines of JSON (tools/tune/tune.cpp).
#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/device.h"
#include "tessera/tuning.h"

namespace tessera {

/// A kind of node for which a device has a choice.
struct TuningTask {
  std::string key;
  Graph graph;                        ///< one such node, its inputs and its outputs
  std::vector<Candidate> candidates;  ///< as Device::candidates
  std::int64_t nodes = 0;             ///< of this kind, in all graphs
  std::size_t memory = 0;             ///< bytes of the arena of the largest of these graphs
};

/// Those of the graphs, with the most work first.
TESSERA_API std::vector<TuningTask> tuning_tasks(Device& device, const std::vector<Graph>& graphs);

/// Candidates to be measured, one after the other.
struct TuningJob {
  Graph graph;                        ///< as in TuningTask
  std::optional<Candidate> baseline;  ///< what each is measured against, in turns
  std::vector<Candidate> candidates;
  std::size_t memory = 0;  ///< as in TuningTask
};
/// As a line of JSON.
TESSERA_API std::string to_line(const TuningJob& job);
/// Throws Error when the line is none that to_line gives.
TESSERA_API TuningJob tuning_job_of(std::string_view line);

/// What became of a candidate.
struct TuningReport {
  std::string error;            ///< why it cannot be taken: it failed, or its result is wrong
  double seconds = 0;           ///< of one run, the median of some
  double baseline_seconds = 0;  ///< 0: there is none
};
/// As a line of JSON.
TESSERA_API std::string to_line(const TuningReport& report);
/// Throws Error when the line is none that to_line gives.
TESSERA_API TuningReport tuning_report_of(std::string_view line);

/// Measures the candidates of jobs on a device. Results must be those of the reference device
/// within 1e-4 of the largest element, for random inputs and over memory full of NaN. Between two
/// runs over the same memory others go over as much as the job's, so that caches hold what they
/// would hold in a step of the whole graph.
class TESSERA_API CandidateTimer {
 public:
  /// The devices must outlive it.
  CandidateTimer(Device& device, Device& reference, const TuningJob& job);
  ~CandidateTimer();
  CandidateTimer(const CandidateTimer&) = delete;
  CandidateTimer& operator=(const CandidateTimer&) = delete;

  /// Runs a candidate until its time is known.
  TuningReport measure(const Candidate& candidate);

 private:
  class Run;

  std::unique_ptr<Run> checked(const Candidate& candidate);

  Device& device_;
  const Graph graph_;
  const std::size_t memory_;
  std::vector<std::vector<std::byte>> inputs_;
  std::vector<std::vector<float>> expected_;
  std::unique_ptr<Run> baseline_;
};

/// Answers each job on `jobs` with the reports of its candidates, each as soon as it is known.
TESSERA_API void serve_tuning_jobs(Device& device, Device& reference, std::istream& jobs,
                                   std::ostream& reports);

}  // namespace tessera
