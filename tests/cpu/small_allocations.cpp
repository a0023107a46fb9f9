// A device that allows small allocations only: values lie in several arenas, results are the same.
#include "tests/training/small_allocations.h"

#include "backends/cpu/runtime/device.h"

namespace tessera::cpu {
namespace {

class SmallDevice : public CpuDevice {
 public:
  std::size_t largest_arena() const override { return small_allocation; }
};

}  // namespace

TEST_CASE("a training in several arenas gives the bits of one in a single arena") {
  CpuDevice device;
  SmallDevice limited;
  check_same_training(device, limited);
}

}  // namespace tessera::cpu
