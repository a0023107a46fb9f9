// The HTML page of a report.
#pragma once

#include <string>
#include <vector>

#include "tools/predict/predictions.h"
#include "tools/profile/layer_times.h"
#include "tools/train/run_observer.h"

namespace tessera::tools {

struct ReportContent {
  const RunStart& start;
  const std::vector<StepReport>& steps;
  const std::vector<EpochReport>& epochs;
  const RunEnd& end;
  std::vector<Prediction> predictions;  ///< of all test images, or none
  std::vector<LayerTime> layers;        ///< or none
  std::string missing;                  ///< why there are none
};

/// Returns self-contained HTML, without scripts or links to other files.
std::string report_page(const ReportContent& content);

}  // namespace tessera::tools
