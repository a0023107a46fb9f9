// An OpenCL driver that breaks. Its file's name says where and how: "constructor-exit.so",
// "platforms-hang.so", "devices-segv.so" and so on; "nothing.so" offers no platform.
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

const char* file_name() {
  Dl_info info = {};
  dladdr(reinterpret_cast<const void*>(&file_name), &info);
  const char* const slash = std::strrchr(info.dli_fname, '/');
  return slash ? slash + 1 : info.dli_fname;
}

/// Breaks if the name says that it is time.
void at(std::string_view place) {
  std::string_view name = file_name();
  if (!name.starts_with(place)) return;
  name.remove_prefix(place.size());
  if (name == "-exit.so") _exit(0);
  if (name == "-abort.so") {
    constexpr std::string_view words = "made-up driver: assertion failed\n";
    if (write(STDERR_FILENO, words.data(), words.size()) > 0) std::abort();
  }
  if (name == "-segv.so") raise(SIGSEGV);
  if (name == "-hang.so")
    while (true) pause();
}

[[gnu::constructor]] void construct() { at("constructor"); }

void unexpected() { std::abort(); }

/// Not under its own name, which is the loader's in a process that has one.
cl_int platform_info(cl_platform_id, cl_platform_info what, size_t size, void* value,
                     size_t* needed) {
  at("loader");
  const char* const text = what == CL_PLATFORM_EXTENSIONS ? "cl_khr_icd"
                           : what == CL_PLATFORM_VERSION  ? "OpenCL 1.2 made up"
                                                          : "made up";
  if (needed) *needed = std::strlen(text) + 1;
  if (value && size > std::strlen(text)) std::strcpy(static_cast<char*>(value), text);
  return CL_SUCCESS;
}

cl_int devices(cl_platform_id, cl_device_type, cl_uint, cl_device_id*, cl_uint*) {
  at("devices");
  return CL_DEVICE_NOT_FOUND;
}

template <typename Function>
void* pointer(Function* function) {
  return reinterpret_cast<void*>(function);
}

struct Platform {
  void** dispatch;
};

Platform& platform() {
  static std::array<void*, 256> dispatch;
  dispatch.fill(pointer(&unexpected));
  dispatch[1] = pointer(&platform_info);
  dispatch[2] = pointer(&devices);
  static Platform only = {dispatch.data()};
  return only;
}

cl_int platforms(cl_uint count, cl_platform_id* list, cl_uint* found) {
  at("platforms");
  if (std::string_view(file_name()) == "nothing.so") return -1001;
  if (count > 0 && list) list[0] = reinterpret_cast<cl_platform_id>(&platform());
  if (found) *found = 1;
  return CL_SUCCESS;
}

}  // namespace

extern "C" [[gnu::visibility("default")]] void* clGetExtensionFunctionAddress(const char* name) {
  if (std::strcmp(name, "clIcdGetPlatformIDsKHR") == 0) return pointer(&platforms);
  if (std::strcmp(name, "clGetPlatformInfo") == 0) return pointer(&platform_info);
  return nullptr;
}
