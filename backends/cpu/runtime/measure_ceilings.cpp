// Measures what the machine can do at most, by the loops of the variant in use.
#include <cstring>
#include <vector>

#include "backends/common/best_time.h"
#include "backends/cpu/runtime/device.h"

namespace tessera::cpu {
namespace {

constexpr int repeats = 8;
constexpr std::int64_t floats = std::int64_t{32} << 20;  ///< of an array; more than caches hold

}  // namespace

Ceilings CpuDevice::measure_ceilings() {
  const std::lock_guard lock(run_mutex_);
  const std::int64_t threads = pool_->threads();
  Ceilings ceilings;

  constexpr std::int64_t rounds = 1 << 20;
  std::vector<double> flops(static_cast<std::size_t>(threads));
  const double took = best_time(repeats, [&] {
    pool_->for_each(threads, [&](std::int64_t chunk, int) {
      flops[static_cast<std::size_t>(chunk)] = variant_.multiply_adds(rounds);
    });
  });
  for (double done : flops) ceilings.flops += done / took;

  const auto bytes = static_cast<std::size_t>(floats) * sizeof(float);
  const CpuBuffer a(bytes, info_.memory_bytes), b(bytes, info_.memory_bytes),
      c(bytes, info_.memory_bytes);
  const auto numbers = [](const CpuBuffer& buffer) {
    return reinterpret_cast<float*>(buffer.data());
  };
  for (const CpuBuffer* buffer : {&a, &b}) std::memset(buffer->data(), 0, bytes);
  ceilings.bytes = 3 * static_cast<double>(bytes) / best_time(repeats, [&] {
                     pool_->for_each(threads, [&](std::int64_t chunk, int) {
                       const Range range = chunk_range(floats, threads, chunk, 16);
                       variant_.triad(numbers(a) + range.begin, numbers(b) + range.begin, 3,
                                      numbers(c) + range.begin, range.end - range.begin);
                     });
                   });
  ceilings.upload = ceilings.download = static_cast<double>(bytes) / best_time(repeats, [&] {
                                          std::memcpy(c.data(), a.data(), bytes);
                                        });

  constexpr int count = 1000;
  ceilings.launch = best_time(repeats,
                              [&] {
                                for (int i = 0; i < count; ++i)
                                  pool_->for_each(threads, [](std::int64_t, int) {});
                              }) /
                    count;
  return ceilings;
}

}  // namespace tessera::cpu
