// Precompiled for every file of the OpenCL backend; see tools/pch/pch.h.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/opencl/runtime/cl.h"
