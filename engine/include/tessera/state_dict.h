// Weights from and for PyTorch: tensors with the names and layouts of a state_dict, kept as
// safetensors. What differs is worked out from the graph: filters [K,C,R,S] are [K,R,S,C] here,
// those of transposed convolutions [C,K,R,S] are [C,R,S,K], and what follows a flattened image has
// its elements by channel there and by pixel here. Tokens [N,L,C] are flattened alike.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tessera/network.h"
#include "tessera/safetensors.h"

namespace tessera {

/// How PyTorch holds a tensor.
struct TorchLayout {
  Shape shape;
  Shape parts;                     ///< the shape with flattened dimensions taken apart
  std::vector<std::int64_t> axes;  ///< dimension i here is number axes[i] of the parts
};

/// The layouts of the parameters and f32 states of a graph, which was built for inference (others
/// hold states that PyTorch has elsewhere), by name. Throws Error when the order of a parameter's
/// elements cannot be told.
TESSERA_API std::map<std::string, TorchLayout> torch_layouts(const Graph& graph);

/// The elements, f32, of a tensor in the order of the other side.
TESSERA_API std::vector<float> from_torch(const TorchLayout& layout, std::span<const float> x);
/// The inverse.
TESSERA_API std::vector<float> to_torch(const TorchLayout& layout, std::span<const float> x);

/// Reads the weights of a safetensors file, or those of several that a
/// `model.safetensors.index.json` lists beside itself. Throws Error that names the file: what
/// read_safetensors throws, an index that is damaged, names a file of another folder or a tensor
/// that its file lacks.
TESSERA_API TensorFile read_weights(const std::string& path);

/// The names under which a file has the tensors of `layouts`, by their names here: the same, or
/// with what wrappers put before them, in any combination: "module." (DataParallel), "_orig_mod."
/// (torch.compile), "model." and "state_dict.". Throws Error when a tensor is there twice.
TESSERA_API std::map<std::string, std::string> names_in_file(
    const TensorFile& file, const std::map<std::string, TorchLayout>& layouts);

/// Copies the tensors of `file` to the parameters and states of a graph built for inference, or of
/// a network. Each must be there, in PyTorch's shape, under one of `names_in_file`; those called
/// "*.num_batches_tracked" are not looked at. Checks all before it writes any; throws Error that
/// lists those missing, unexpected or of another shape.
TESSERA_API void load_state_dict(const TensorFile& file, const Graph& graph, Params& params);
/// The same for a network.
TESSERA_API void load_state_dict(const TensorFile& file, Network& network);
/// The inverse: what torch.nn.Module.load_state_dict takes, but for num_batches_tracked.
TESSERA_API TensorFile state_dict(const Graph& graph, const Params& params);
/// The same for a network.
TESSERA_API TensorFile state_dict(const Network& network);

}  // namespace tessera
