// An application with its own OpenCL context, queue and buffers, which a network reads and writes
// in place: a kernel of the application draws an image, the network detects its edges, and the
// application reads them. Nothing is copied, and nothing waits in between.
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <tessera/opencl_interop.h>
#include <tessera/tessera.h>

#include <cstdio>

using namespace tessera;

constexpr std::size_t side = 24;
const char* source =
    "__kernel void draw(__global float* image, int side) {"
    "  const int x = get_global_id(0), y = get_global_id(1);"
    "  image[y * side + x] = hypot(x - side / 2.0f, y - side / 2.0f) < side / 3.0f;"
    "}";

void check(cl_int status, const char* what) {
  if (status != CL_SUCCESS)
    throw Error("application", what + (" failed: " + std::to_string(status)));
}

// y = |Laplace filter of x|, on one image of one channel.
Graph edges() {
  Graph graph;
  const Var x = graph.input("image", {DType::f32, {1, side, side, 1}});
  const Var plus = graph.parameter("filter", {1, 3, 3, 1}, {});
  graph.set_output("edges", abs(conv2d(x, plus, {}, {.padding = {1, 1}})));
  return graph;
}

int main() try {
  // The application's own objects, on the first device of the first platform.
  cl_platform_id platform = nullptr;
  cl_device_id id = nullptr;
  cl_int status = 0;
  check(clGetPlatformIDs(1, &platform, nullptr), "clGetPlatformIDs");
  check(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, nullptr), "clGetDeviceIDs");
  cl_context context = clCreateContext(nullptr, 1, &id, nullptr, nullptr, &status);
  check(status, "clCreateContext");
  cl_command_queue queue = clCreateCommandQueue(context, id, 0, &status);
  check(status, "clCreateCommandQueue");
  cl_program program = clCreateProgramWithSource(context, 1, &source, nullptr, &status);
  check(clBuildProgram(program, 1, &id, nullptr, nullptr, nullptr), "clBuildProgram");
  cl_kernel draw = clCreateKernel(program, "draw", &status);
  check(status, "clCreateKernel");
  cl_mem image = clCreateBuffer(context, 0, side * side * sizeof(float), nullptr, &status);
  cl_mem found = clCreateBuffer(context, 0, side * side * sizeof(float), nullptr, &status);
  check(status, "clCreateBuffer");

  {
    const auto device = opencl::open_device(queue);
    const Graph graph = edges();
    Params params(*device);
    params.add(graph, 0);
    const std::vector<float> filter = {0, 1, 0, 1, -4, 1, 0, 1, 0};
    params.write("filter", std::as_bytes(std::span(filter)));
    const auto network =
        opencl::compile(*device, Plan(graph, device->plan_options()), params,
                        {.inputs = {{"image", image}}, .outputs = {{"edges", found}}});

    const cl_int side_argument = side;
    const std::size_t range[2] = {side, side};
    clSetKernelArg(draw, 0, sizeof image, &image);
    clSetKernelArg(draw, 1, sizeof side_argument, &side_argument);
    check(clEnqueueNDRangeKernel(queue, draw, 2, nullptr, range, nullptr, 0, nullptr, nullptr),
          "clEnqueueNDRangeKernel");
    network->run();  // after `draw` in the queue
    std::vector<float> pixels(side * side);
    check(clEnqueueReadBuffer(queue, found, CL_TRUE, 0, pixels.size() * sizeof(float),
                              pixels.data(), 0, nullptr, nullptr),
          "clEnqueueReadBuffer");
    for (std::size_t i = 0; i < pixels.size(); ++i)
      std::printf("%s%s", pixels[i] > 0 ? "#" : ".", i % side == side - 1 ? "\n" : "");
  }  // destroy the device before the application's own objects

  clReleaseMemObject(found);
  clReleaseMemObject(image);
  clReleaseKernel(draw);
  clReleaseProgram(program);
  clReleaseCommandQueue(queue);
  clReleaseContext(context);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
