// tessera-probe SECONDS [NAME]...: the program in which OpenCL drivers are tried, because a broken
// one crashes, ends or hangs the process that loads it. Each NAME is a library as an .icd file
// names it. Drivers print what they like, so every line of this program begins with "@tessera":
//   in INDEX CALL        INDEX (-1: all) is about to be called
//   absent INDEX REASON  the library cannot be loaded
//   empty INDEX          the driver offers no platform
//   object PATH          a file that this process loaded
//   done                 everything returned
// Errors of OpenCL are of no interest here: they are reported where the device is used.
#undef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <link.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

void say(const std::string& words) {
  const std::string line = "\n@tessera " + words + "\n";
  for (std::size_t at = 0; at < line.size();) {
    const ssize_t count = ::write(STDOUT_FILENO, &line[at], line.size() - at);
    if (count <= 0) std::_Exit(1);
    at += static_cast<std::size_t>(count);
  }
}

void announce(int driver, const char* call) { say("in " + std::to_string(driver) + " " + call); }

template <typename Function>
Function* address(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}

/// The platforms of one driver, asked as the loader asks.
std::vector<cl_platform_id> platforms_of(int driver, const char* name) {
  announce(driver, "its constructor");
  void* const library = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  if (!library) {
    const char* const reason = ::dlerror();
    say("absent " + std::to_string(driver) + " " + (reason ? reason : ""));
    return {};
  }
  using Platforms = cl_int(cl_uint, cl_platform_id*, cl_uint*);
  const auto find = address<void*(const char*)>(library, "clGetExtensionFunctionAddress");
  auto platforms = address<Platforms>(library, "clIcdGetPlatformIDsKHR");
  if (find && !platforms) {
    announce(driver, "clGetExtensionFunctionAddress");
    platforms = reinterpret_cast<Platforms*>(find("clIcdGetPlatformIDsKHR"));
  }
  announce(driver, "clIcdGetPlatformIDsKHR");
  cl_uint count = 0;
  std::vector<cl_platform_id> found;
  if (platforms && platforms(0, nullptr, &count) == CL_SUCCESS && count > 0) {
    found.resize(count);
    if (platforms(count, found.data(), nullptr) != CL_SUCCESS) found.clear();
  }
  if (found.empty()) say("empty " + std::to_string(driver));
  return found;
}

/// Builds and runs a kernel of one work-item.
void use_context(int driver, cl_context context, cl_device_id device) {
  const char* source = "__kernel void probe(__global int* x) { *x += 1; }";
  cl_int error = CL_SUCCESS;
  int number = 1;
  announce(driver, "clCreateCommandQueue");
  const cl_command_queue queue = clCreateCommandQueue(context, device, 0, &error);
  if (error != CL_SUCCESS) return;
  announce(driver, "clBuildProgram");
  const cl_program program = clCreateProgramWithSource(context, 1, &source, nullptr, &error);
  if (error != CL_SUCCESS || clBuildProgram(program, 1, &device, "", nullptr, nullptr)) return;
  const cl_kernel kernel = clCreateKernel(program, "probe", &error);
  if (error != CL_SUCCESS) return;
  announce(driver, "clEnqueueNDRangeKernel");
  const cl_mem buffer = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                       sizeof number, &number, &error);
  const std::size_t one = 1;
  if (error != CL_SUCCESS || clSetKernelArg(kernel, 0, sizeof buffer, &buffer) ||
      clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &one, &one, 0, nullptr, nullptr))
    return;
  clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, sizeof number, &number, 0, nullptr, nullptr);
  clFinish(queue);
}

void use_platform(int driver, cl_platform_id platform) {
  char text[256];
  announce(driver, "clGetPlatformInfo");
  clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof text, text, nullptr);
  announce(driver, "clGetDeviceIDs");
  cl_uint count = 0;
  if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) || count == 0) return;
  std::vector<cl_device_id> devices(count);
  if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, devices.data(), nullptr)) return;
  for (const cl_device_id device : devices) {
    announce(driver, "clGetDeviceInfo");
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof text, text, nullptr);
    announce(driver, "clCreateContext");
    cl_int error = CL_SUCCESS;
    const cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &error);
    if (error == CL_SUCCESS) use_context(driver, context, device);
  }
}

int say_object(dl_phdr_info* info, std::size_t, void*) {
  if (info->dlpi_name && info->dlpi_name[0] == '/') say(std::string("object ") + info->dlpi_name);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A driver that hangs shall not outlive a parent that is gone.
  if (argc > 1) ::alarm(static_cast<unsigned>(std::max(1, std::atoi(argv[1]))));
  std::vector<std::pair<cl_platform_id, int>> owners;
  for (int i = 2; i < argc; ++i)
    for (const cl_platform_id platform : platforms_of(i - 2, argv[i]))
      owners.emplace_back(platform, i - 2);
  announce(-1, "clGetPlatformIDs");
  cl_uint count = 0;
  clGetPlatformIDs(0, nullptr, &count);
  std::vector<cl_platform_id> platforms(count);
  if (count > 0) clGetPlatformIDs(count, platforms.data(), nullptr);
  for (const cl_platform_id platform : platforms) {
    const auto owner = std::find_if(owners.begin(), owners.end(),
                                    [&](const auto& known) { return known.first == platform; });
    use_platform(owner == owners.end() ? -1 : owner->second, platform);
  }
  ::dl_iterate_phdr(say_object, nullptr);
  say("done");
  std::_Exit(0);  // how a driver is taken down is not asked
}
