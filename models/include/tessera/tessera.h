// Everything a program that links the library needs.
#pragma once

#include "tessera/augment.h"
#include "tessera/autograd.h"
#include "tessera/checkpoint.h"
#include "tessera/classifier.h"
#include "tessera/custom_op.h"
#include "tessera/data.h"
#include "tessera/dataset.h"
#include "tessera/device.h"
#include "tessera/error.h"
#include "tessera/flops.h"
#include "tessera/fuse.h"
#include "tessera/gradient_check.h"
#include "tessera/graph.h"
#include "tessera/initializers.h"
#include "tessera/layers.h"
#include "tessera/models.h"
#include "tessera/ops.h"
#include "tessera/output_file.h"
#include "tessera/params.h"
#include "tessera/plan.h"
#include "tessera/profile.h"
#include "tessera/safetensors.h"
#include "tessera/spec.h"
#include "tessera/state_dict.h"
#include "tessera/task.h"
#include "tessera/text.h"
#include "tessera/trainer.h"
#include "tessera/tuner.h"
#include "tessera/tuning.h"

/// Everything of the library; what is public is in the headers of tessera/.
namespace tessera {
/// Functions that append an op together with its parameters.
namespace layers {}
/// Values that parameters start with.
namespace init {}
/// Applications that have OpenCL objects of their own.
namespace opencl {}
}  // namespace tessera
