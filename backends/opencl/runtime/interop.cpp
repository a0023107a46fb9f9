// Which memory of a plan is the application's.
#include "backends/opencl/runtime/device.h"
#include "tessera/opencl_interop.h"

namespace tessera::opencl {
namespace {

/// Throws Error unless the device may use the buffer for the tensor.
cl::Buffer checked_buffer(OpenclDevice& device, const std::string& what, cl_mem memory,
                          const TensorSpec& spec, cl_mem_flags excluded) {
  if (!memory) throw Error("opencl", what + " is bound to no buffer");
  const cl::Buffer buffer(memory, true);
  return checked(what, [&] {
    if (buffer.getInfo<CL_MEM_TYPE>() != CL_MEM_OBJECT_BUFFER)
      throw Error("opencl", what + " is bound to an image, expected a buffer");
    if (buffer.getInfo<CL_MEM_CONTEXT>()() != device.context()())
      throw Error("opencl", what + " is bound to a buffer of another context");
    if (buffer.getInfo<CL_MEM_SIZE>() < spec.bytes())
      throw Error("opencl",
                  fmt::format("{} is bound to a buffer of {} bytes, {} has {}", what,
                              buffer.getInfo<CL_MEM_SIZE>(), to_string(spec), spec.bytes()));
    if (buffer.getInfo<CL_MEM_FLAGS>() & excluded)
      throw Error("opencl", fmt::format("{} is bound to a buffer that kernels may not {}", what,
                                        excluded == CL_MEM_WRITE_ONLY ? "read" : "write"));
    return buffer;
  });
}

class Resolver {
 public:
  Resolver(OpenclDevice& device, const Plan& plan) : device_(device), plan_(plan) {}

  void input(const std::string& name, cl_mem memory) {
    for (std::size_t i = 0; i < graph().values().size(); ++i) {
      const Value& value = graph().values()[i];
      if (value.role == Role::input && value.name == name)
        return bind("input '" + name + "'", static_cast<ValueId>(i), memory, CL_MEM_WRITE_ONLY);
    }
    throw Error("opencl", "there is no input '" + name + "' to bind a buffer to");
  }

  void output(const std::string& name, cl_mem memory) {
    for (const Graph::Output& output : graph().outputs()) {
      if (output.name != name) continue;
      const std::string what = "output '" + name + "'";
      const ValueId root = plan_.placement(output.value).root;
      if (graph().value(root).role != Role::activation)
        throw Error("opencl", fmt::format("{} is '{}' itself, which has memory already", what,
                                          graph().value(root).name));
      return bind(what, root, memory, CL_MEM_READ_ONLY);
    }
    throw Error("opencl", "there is no output '" + name + "' to bind a buffer to");
  }

  BoundBuffers take() { return std::move(bound_); }

 private:
  const Graph& graph() const { return plan_.graph(); }

  void bind(const std::string& what, ValueId root, cl_mem memory, cl_mem_flags excluded) {
    for (const auto& [other, buffer] : bound_)
      if (other == root || buffer() == memory)
        throw Error("opencl", what + " shares its memory with another that is bound");
    bound_[root] = checked_buffer(device_, what, memory, graph().value(root).spec, excluded);
  }

  OpenclDevice& device_;
  const Plan& plan_;
  BoundBuffers bound_;
};

}  // namespace

std::unique_ptr<Executable> compile(Device& device, const Plan& plan, Params& params,
                                    const Bindings& bindings) {
  auto* const opencl = dynamic_cast<OpenclDevice*>(&device);
  if (!opencl)
    throw Error("opencl", fmt::format("buffers cannot be bound on device {}, expected an OpenCL "
                                      "device",
                                      device.info().id));
  Resolver resolver(*opencl, plan);
  for (const auto& [name, memory] : bindings.inputs) resolver.input(name, memory);
  for (const auto& [name, memory] : bindings.outputs) resolver.output(name, memory);
  return opencl->compile(plan, params, resolver.take());
}

}  // namespace tessera::opencl
