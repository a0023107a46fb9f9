// The tuner: finds the kinds of nodes to tune in some graphs, and measures each candidate. A driver
// may crash or hang on a candidate, so programs measure in a separate process: they send jobs to it
// and get reports back, both as lines of JSON (tools/tune/tune.cpp).
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

/// A kind of node for which a device has several candidates.
struct TuningTask {
  std::string key;
  Graph graph;                        ///< one such node with its inputs and outputs
  std::vector<Candidate> candidates;  ///< as Device::candidates
  std::int64_t nodes = 0;             ///< number of nodes of this kind in all graphs
  std::size_t memory = 0;             ///< arena of the largest of these graphs, in bytes
};

/// Returns the tuning tasks of the graphs, those with the most work first.
TESSERA_API std::vector<TuningTask> tuning_tasks(Device& device, const std::vector<Graph>& graphs);

/// Candidates to measure, one after the other.
struct TuningJob {
  Graph graph;                        ///< as in TuningTask
  std::optional<Candidate> baseline;  ///< measured in turns with each candidate
  std::vector<Candidate> candidates;
  std::size_t memory = 0;  ///< as in TuningTask
};
/// Returns the job as a line of JSON.
TESSERA_API std::string to_line(const TuningJob& job);
/// Parses a line of to_line. Throws Error for any other line.
TESSERA_API TuningJob tuning_job_of(std::string_view line);

/// The result of a candidate.
struct TuningReport {
  std::string error;            ///< why it is rejected: it failed, or its result is wrong
  double seconds = 0;           ///< of one run, the median of several
  double baseline_seconds = 0;  ///< 0: there is no baseline
};
/// Returns the report as a line of JSON.
TESSERA_API std::string to_line(const TuningReport& report);
/// Parses a line of to_line. Throws Error for any other line.
TESSERA_API TuningReport tuning_report_of(std::string_view line);

/// Measures the candidates of a job on a device. Results must match those of the reference device
/// within 1e-4 of the largest element, for random inputs and with memory filled with NaN. Runs
/// rotate over as much memory as the job's graphs use, so that the caches hold what they would hold
/// in a step of the whole graph.
class TESSERA_API CandidateTimer {
 public:
  /// Prepares the measurement. The devices must outlive it.
  CandidateTimer(Device& device, Device& reference, const TuningJob& job);
  ~CandidateTimer();
  CandidateTimer(const CandidateTimer&) = delete;
  CandidateTimer& operator=(const CandidateTimer&) = delete;

  /// Runs a candidate until its time is known, and returns the report.
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

/// Reads jobs and writes the reports of their candidates, each as soon as it is known.
TESSERA_API void serve_tuning_jobs(Device& device, Device& reference, std::istream& jobs,
                                   std::ostream& reports);

}  // namespace tessera
