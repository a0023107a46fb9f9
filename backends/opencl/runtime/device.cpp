#include "backends/opencl/runtime/device.h"

#include <algorithm>
#include <array>
#include <new>

#include "backends/common/huge_pages.h"
#include "backends/opencl/lowering/plan_lowering.h"
#include "backends/opencl/runtime/executable.h"
#include "backends/opencl/runtime/launch.h"
#include "engine/base/size_text.h"
#include "engine/base/steady_time.h"

namespace tessera::opencl {

cl::Buffer sub_buffer(cl::Buffer& buffer, std::size_t offset, std::size_t bytes) {
  const cl_buffer_region region = {offset, bytes};
  return checked("sub-buffer", [&] {
    return buffer.createSubBuffer(CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region);
  });
}

OpenclDevice::OpenclDevice(cl::Device device, DeviceInfo info, const Traits& traits,
                           cl::CommandQueue queue)
    : device_(std::move(device)),
      info_(std::move(info)),
      traits_(traits),
      has_own_queue_(!queue()),
      context_(has_own_queue_ ? cl::Context(device_) : queue.getInfo<CL_QUEUE_CONTEXT>()),
      compute_(has_own_queue_ ? cl::CommandQueue(context_, device_) : std::move(queue)),
      copy_(context_, device_),
      programs_(context_, device_,
                DiskCache(traits.keeps_programs ? std::string() : DiskCache::default_folder())),
      algorithms_(std::make_unique<Algorithms>()) {
  info_.max_allocation_bytes = traits_.max_allocation;
}

OpenclDevice::~OpenclDevice() = default;

void OpenclDevice::reserve(std::size_t bytes) {
  check_process();
  if (bytes > traits_.max_allocation)
    throw OutOfMemory(info_.id, fmt::format("an allocation of {} is needed; the device allows {}",
                                            mebibytes(bytes), mebibytes(traits_.max_allocation)));
  check_free(bytes, "");
  reserved_ += bytes;
}

void OpenclDevice::check_free(std::size_t bytes, std::string_view parts) const {
  if (bytes > traits_.global_memory - std::min<std::uint64_t>(reserved_, traits_.global_memory))
    throw OutOfMemory(info_.id, fmt::format("{} bytes are needed{}, {} of {} are in use", bytes,
                                            parts, reserved_, traits_.global_memory));
}

OpenclBuffer::OpenclBuffer(OpenclDevice& device, std::size_t bytes, cl_mem_flags flags,
                           const void* contents)
    : device_(device), bytes_(bytes) {
  device_.reserve(bytes);
  try {
    // A buffer of no bytes is not allowed.
    buffer_ = checked(fmt::format("allocating {} bytes", bytes), [&] {
      return cl::Buffer(device.context(), flags, std::max<std::size_t>(bytes, 1),
                        const_cast<void*>(contents));
    });
    if (device.traits().is_cpu && !contents && bytes >= huge_page_bytes) use_huge_pages();
  } catch (...) {
    device_.release(bytes);
    throw;
  }
}

// A CPU device maps a buffer where it lies.
void OpenclBuffer::use_huge_pages() {
  checked("huge pages", [&] {
    cl::CommandQueue& queue = device_.copy_queue();
    void* const data =
        queue.enqueueMapBuffer(buffer_, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes_);
    tessera::use_huge_pages(data, bytes_);
    queue.enqueueUnmapMemObject(buffer_, data);
  });
}

std::unique_ptr<Buffer> OpenclDevice::allocate(std::size_t bytes) {
  return std::make_unique<OpenclBuffer>(*this, bytes);
}

void OpenclDevice::check_range(const Buffer& buffer, std::size_t offset, std::size_t bytes) const {
  if (offset > buffer.bytes() || bytes > buffer.bytes() - offset)
    throw Error(info_.id, fmt::format("a copy of {} bytes at {} leaves the buffer of {}", bytes,
                                      offset, buffer.bytes()));
}

void OpenclDevice::upload(Buffer& to, std::size_t offset, std::span<const std::byte> bytes) {
  check_process();
  check_range(to, offset, bytes.size());
  if (bytes.empty()) return;
  cl::Event done;
  checked("upload", [&] {
    compute_.enqueueWriteBuffer(static_cast<OpenclBuffer&>(to).cl_buffer(), CL_FALSE, offset,
                                bytes.size(), bytes.data(), nullptr, &done);
    compute_.flush();
  });
  wait(done, "upload");
}

void OpenclDevice::download(const Buffer& from, std::size_t offset, std::span<std::byte> bytes) {
  check_process();
  check_range(from, offset, bytes.size());
  if (bytes.empty()) return;
  cl::Event done;
  checked("download", [&] {
    compute_.enqueueReadBuffer(static_cast<const OpenclBuffer&>(from).cl_buffer(), CL_FALSE, offset,
                               bytes.size(), bytes.data(), nullptr, &done);
    compute_.flush();
  });
  wait(done, "download");
}

std::unique_ptr<Executable> OpenclDevice::compile(const Plan& plan, Params& params,
                                                  BoundBuffers bound) {
  check_process();
  if (plan.options().alignment % traits_.base_alignment != 0)
    throw Error(info_.id,
                fmt::format("the plan aligns values to {} bytes, expected a multiple of {}",
                            plan.options().alignment, traits_.base_alignment));
  // What was tuned in float32 says nothing of another precision.
  const Tuning& tuning = matrix_units_ == MatrixUnits::none ? tuning_ : Tuning();
  try {
    return std::make_unique<OpenclExecutable>(*this, *algorithms_, tuning, plan, params,
                                              std::move(bound));
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(info_.id, "there is too little memory for the tables of the plan");
  }
}

std::vector<Candidate> OpenclDevice::candidates(const Graph& graph, NodeId node) {
  check_process();
  const Plan plan(graph);
  return PlanLowering(*this, plan).candidates(*algorithms_, node);
}

void OpenclDevice::finish() {
  check_process();
  for (cl::CommandQueue* queue : {&copy_, &compute_}) {
    cl::Event done;
    checked("finish", [&] {
      queue->enqueueMarkerWithWaitList(nullptr, &done);
      queue->flush();
    });
    wait(done, "finish");
  }
}

// Queues that profile are slower on some devices, so they stand in only for as long. None stands in
// for the application's, whose order counts.
void OpenclDevice::set_profiling(bool on) {
  if (on == profiling_) return;
  finish();
  checked("profile", [&] {
    const cl_command_queue_properties properties = on ? CL_QUEUE_PROFILING_ENABLE : 0;
    if (has_own_queue_)
      compute_ = cl::CommandQueue(context_, device_, properties);
    else if (on && !(compute_.getInfo<CL_QUEUE_PROPERTIES>() & CL_QUEUE_PROFILING_ENABLE))
      throw Error(info_.id, "the application's queue was made without CL_QUEUE_PROFILING_ENABLE");
    copy_ = cl::CommandQueue(context_, device_, properties);
    if (!on) return;
    cl::Event now;
    const double host = steady_seconds();
    compute_.enqueueMarkerWithWaitList(nullptr, &now);
    now.wait();
    profiling_clock_ =
        host - 1e-9 * static_cast<double>(now.getProfilingInfo<CL_PROFILING_COMMAND_QUEUED>());
  });
  profiling_ = on;
}

void OpenclDevice::probe() {
  const std::array<float, 5> x = {0, 1, -2, 0.5f, 1024};
  const auto in = allocate(sizeof x), out = allocate(sizeof x);
  upload(*in, 0, std::as_bytes(std::span(x)));
  const Defines defines = common_defines(traits_);
  checked("probe", [&] {
    const Launch launch = make_launch(programs_.kernel("probe.cl", defines, "probe"),
                                      {{x.size(), 1, 1}, {traits_.work_group, 1, 1}}, device_,
                                      traits_, "probe", static_cast<OpenclBuffer&>(*in).cl_buffer(),
                                      static_cast<OpenclBuffer&>(*out).cl_buffer(),
                                      static_cast<cl_int>(x.size()), cl_int{1});
    launch.enqueue(compute_);
  });
  std::array<float, 5> y{};
  download(*out, 0, std::as_writable_bytes(std::span(y)));
  for (std::size_t i = 0; i < x.size(); ++i)
    if (y[i] != 2 * x[i] + 1) throw Error("probe", fmt::format("2 * {} + 1 gave {}", x[i], y[i]));
}

}  // namespace tessera::opencl
