// A layer before the OpenCL library, loaded by LD_PRELOAD, that makes calls fail as a driver might.
// TESSERA_FAULT is "FUNCTION:N:CODE", the N-th call of it gives the code, or "FUNCTION:N:CODE:on",
// from then on every call here does. FUNCTION "any" counts all of them. TESSERA_COUNT names a file
// for the number of calls. TESSERA_SLOW_DISK: milliseconds that fsync takes longer. TESSERA_CLOCK:
// each look at the wall clock shows an earlier time. TESSERA_GPU_MEMORY: devices say that they are
// GPUs with so many bytes. TESSERA_HANG: calls of this function never return.
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<long> calls{0};
std::atomic<bool> failed{false};

void hang(const char* function) {
  const char* const name = std::getenv("TESSERA_HANG");
  if (name && std::strcmp(name, function) == 0)
    while (true) pause();
}

// The code that a call is to give, or CL_SUCCESS.
cl_int fault(const char* function) {
  hang(function);
  char name[64], on[8] = "";
  long n = 0;
  int code = 0;
  const char* const text = std::getenv("TESSERA_FAULT");
  if (!text || std::sscanf(text, "%63[^:]:%ld:%d:%7s", name, &n, &code, on) < 3) return CL_SUCCESS;
  if (failed && std::strcmp(on, "on") == 0) return code;
  if (std::strcmp(name, "any") != 0 && std::strcmp(name, function) != 0) return CL_SUCCESS;
  if (++calls != n) return CL_SUCCESS;
  failed = true;
  return code;
}

struct Count {
  ~Count() {
    const char* const path = std::getenv("TESSERA_COUNT");
    std::FILE* const file = path ? std::fopen(path, "w") : nullptr;
    if (!file) return;
    std::fprintf(file, "%ld\n", calls.load());
    std::fclose(file);
  }
} at_exit;

template <typename Function>
Function* next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

#define FORWARD(name, arguments) next(&name, #name) arguments

extern "C" {

#define STATUS(name, parameters, arguments)        \
  cl_int name parameters {                         \
    const cl_int code = fault(#name);              \
    return code ? code : FORWARD(name, arguments); \
  }

#define OBJECT(type, name, parameters, arguments) \
  type name parameters {                          \
    const cl_int code = fault(#name);             \
    if (!code) return FORWARD(name, arguments);   \
    if (status) *status = code;                   \
    return nullptr;                               \
  }

#define WAITS cl_uint count, const cl_event *list, cl_event *event

STATUS(clBuildProgram,
       (cl_program p, cl_uint n, const cl_device_id* d, const char* o,
        void(CL_CALLBACK* f)(cl_program, void*), void* u),
       (p, n, d, o, f, u))
STATUS(clEnqueueNDRangeKernel,
       (cl_command_queue q, cl_kernel k, cl_uint n, const size_t* a, const size_t* b,
        const size_t* c, WAITS),
       (q, k, n, a, b, c, count, list, event))
STATUS(clEnqueueWriteBuffer,
       (cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, const void* p, WAITS),
       (q, m, b, o, n, p, count, list, event))
STATUS(clEnqueueReadBuffer,
       (cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, void* p, WAITS),
       (q, m, b, o, n, p, count, list, event))
STATUS(clEnqueueCopyBuffer,
       (cl_command_queue q, cl_mem f, cl_mem t, size_t a, size_t b, size_t n, WAITS),
       (q, f, t, a, b, n, count, list, event))
STATUS(clEnqueueMarkerWithWaitList, (cl_command_queue q, WAITS), (q, count, list, event))
STATUS(clFlush, (cl_command_queue q), (q))
OBJECT(cl_mem, clCreateBuffer, (cl_context c, cl_mem_flags f, size_t n, void* p, cl_int* status),
       (c, f, n, p, status))
OBJECT(cl_mem, clCreateSubBuffer,
       (cl_mem m, cl_mem_flags f, cl_buffer_create_type t, const void* i, cl_int* status),
       (m, f, t, i, status))
OBJECT(cl_kernel, clCreateKernel, (cl_program p, const char* n, cl_int* status), (p, n, status))
OBJECT(void*, clEnqueueMapBuffer,
       (cl_command_queue q, cl_mem m, cl_bool b, cl_map_flags f, size_t o, size_t n, WAITS,
        cl_int* status),
       (q, m, b, f, o, n, count, list, event, status))

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t bytes, void* to,
                       size_t* size) {
  const cl_int result = next(&clGetDeviceInfo, "clGetDeviceInfo")(device, what, bytes, to, size);
  const char* const memory = std::getenv("TESSERA_GPU_MEMORY");
  if (!memory || !to || result != CL_SUCCESS) return result;
  if (what == CL_DEVICE_TYPE) *static_cast<cl_device_type*>(to) = CL_DEVICE_TYPE_GPU;
  if (what == CL_DEVICE_GLOBAL_MEM_SIZE || what == CL_DEVICE_MAX_MEM_ALLOC_SIZE)
    *static_cast<cl_ulong*>(to) = std::strtoull(memory, nullptr, 10);
  return result;
}

// Command buffers are hidden, so that each launch is a call.
void* clGetExtensionFunctionAddressForPlatform(cl_platform_id, const char*) { return nullptr; }

int fsync(int descriptor) {
  const char* const late = std::getenv("TESSERA_SLOW_DISK");
  if (late) usleep(1000 * static_cast<useconds_t>(std::atoi(late)));
  return next(&fsync, "fsync")(descriptor);
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static std::atomic<long> hours{0};
  const int result = next(&clock_gettime, "clock_gettime")(clock, now);
  if (clock == CLOCK_REALTIME && std::getenv("TESSERA_CLOCK")) now->tv_sec -= 3600 * ++hours;
  return result;
}

}  // extern "C"
