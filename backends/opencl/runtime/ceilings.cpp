// Measures what a device can do at most (cl_kernels/ceilings.cl).
#include <algorithm>

#include "backends/common/best_time.h"
#include "backends/opencl/runtime/device.h"
#include "backends/opencl/runtime/launch.h"

namespace tessera::opencl {
namespace {

constexpr std::size_t most_bytes = std::size_t{128} << 20;  ///< of an array; more than caches hold
constexpr int repeats = 8;

class Measurement {
 public:
  explicit Measurement(OpenclDevice& device) : device_(device), traits_(device.traits()) {}

  double flops() {
    // A CPU runs a few items on each core, so that all have work; a GPU many on each of its units.
    const std::size_t chains = traits_.is_cpu ? 12 : 4;
    const std::size_t items =
        traits_.compute_units * (traits_.is_cpu ? 4 : 32 * traits_.work_group);
    const Defines set = common_defines(traits_).set("CHAINS", chains);
    OpenclBuffer y(device_, items * sizeof(float));
    const auto seconds = [&](std::int64_t rounds) {
      const Launch launch = make("multiply_adds", set, items, y.cl_buffer(), 0.999f, 0.001f,
                                 static_cast<cl_int>(rounds));
      return best_time(repeats, [&] { run(launch); });
    };
    std::int64_t rounds = 1 << 10;
    double took = seconds(rounds);
    while (took < 0.01 && rounds < 1 << 28) took = seconds(rounds *= 4);
    return 2.0 * static_cast<double>(items * chains * traits_.float_width) *
           static_cast<double>(rounds) / took;
  }

  double bytes() {
    const std::size_t count = array_bytes() / sizeof(float);
    OpenclBuffer a(device_, array_bytes()), b(device_, array_bytes()), c(device_, array_bytes());
    for (OpenclBuffer* buffer : {&a, &b, &c})
      device_.compute_queue().enqueueFillBuffer(buffer->cl_buffer(), 1.0f, 0, array_bytes());
    const std::size_t vectors = count / traits_.float_width;
    const std::size_t chunk =
        traits_.is_cpu ? vectors / (4 * std::size_t{traits_.compute_units}) + 1 : 1;
    const Launch launch = make("triad", common_defines(traits_), (vectors + chunk - 1) / chunk,
                               a.cl_buffer(), b.cl_buffer(), c.cl_buffer(), 3.0f,
                               static_cast<cl_int>(vectors), static_cast<cl_int>(chunk));
    return 3.0 * static_cast<double>(array_bytes()) / best_time(repeats, [&] { run(launch); });
  }

  /// From and to pinned memory, as inputs travel.
  void copies(double& upload, double& download) {
    const std::size_t bytes = array_bytes() / 4;
    OpenclBuffer host(device_, bytes, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR);
    OpenclBuffer buffer(device_, bytes);
    cl::CommandQueue& queue = device_.compute_queue();
    void* const mapped =
        queue.enqueueMapBuffer(host.cl_buffer(), CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, bytes);
    const auto amount = static_cast<double>(bytes);
    upload = amount / best_time(repeats, [&] {
               queue.enqueueWriteBuffer(buffer.cl_buffer(), CL_TRUE, 0, bytes, mapped);
             });
    download = amount / best_time(repeats, [&] {
                 queue.enqueueReadBuffer(buffer.cl_buffer(), CL_TRUE, 0, bytes, mapped);
               });
    queue.enqueueUnmapMemObject(host.cl_buffer(), mapped);
    device_.finish();
  }

  double launch() {
    constexpr int count = 1000;
    OpenclBuffer y(device_, sizeof(float));
    const Launch nothing =
        make("nothing", common_defines(traits_), traits_.work_group, y.cl_buffer());
    return best_time(repeats,
                     [&] {
                       for (int i = 1; i < count; ++i) nothing.enqueue(device_.compute_queue());
                       run(nothing);
                     }) /
           count;
  }

 private:
  template <class... Arguments>
  Launch make(const char* kernel, const Defines& set, std::size_t items,
              const Arguments&... arguments) {
    return make_launch(device_.programs().kernel("ceilings.cl", set, kernel),
                       {{items, 1, 1}, {traits_.work_group, 1, 1}}, device_.cl_device(), traits_,
                       kernel, arguments...);
  }

  void run(const Launch& launch) {
    launch.enqueue(device_.compute_queue());
    device_.finish();
  }

  std::size_t array_bytes() const {
    const std::uint64_t room = std::min(traits_.max_allocation, traits_.global_memory / 8);
    return std::min<std::uint64_t>(most_bytes, room) / 4096 * 4096;
  }

  OpenclDevice& device_;
  const Traits& traits_;
};

}  // namespace

Ceilings OpenclDevice::measure_ceilings() {
  return checked("ceilings", [&] {
    Measurement measurement(*this);
    Ceilings ceilings;
    ceilings.flops = measurement.flops();
    ceilings.bytes = measurement.bytes();
    measurement.copies(ceilings.upload, ceilings.download);
    ceilings.launch = measurement.launch();
    return ceilings;
  });
}

}  // namespace tessera::opencl
