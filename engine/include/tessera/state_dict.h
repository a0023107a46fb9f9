// PyTorch weights: tensors with the names and layouts of a state_dict, stored as safetensors. The
// graph determines the differences in layout. PyTorch's filters [K,C,R,S] are [K,R,S,C] here, and
// those of transposed convolutions [C,K,R,S] are [C,R,S,K]. After a flattened image, PyTorch orders
// elements by channel, Tessera by pixel. Tokens [N,L,C] are flattened the same way in both.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tessera/network.h"
#include "tessera/safetensors.h"

namespace tessera {

/// PyTorch's layout of a tensor.
struct TorchLayout {
  Shape shape;
  Shape parts;                     ///< the shape before flattening
  std::vector<std::int64_t> axes;  ///< dimension i in Tessera is parts[axes[i]]
};

/// Returns the layouts of the parameters and f32 states of a graph, by name. The graph must be
/// built for inference; training graphs have states that PyTorch stores elsewhere. Throws Error if
/// the order of a parameter's elements cannot be determined.
TESSERA_API std::map<std::string, TorchLayout> torch_layouts(const Graph& graph);

/// Converts the f32 elements of a tensor from PyTorch's order to Tessera's.
TESSERA_API std::vector<float> from_torch(const TorchLayout& layout, std::span<const float> x);
/// Converts the f32 elements of a tensor from Tessera's order to PyTorch's.
TESSERA_API std::vector<float> to_torch(const TorchLayout& layout, std::span<const float> x);

/// Reads the weights of a safetensors file, or of the files that a `model.safetensors.index.json`
/// lists. Throws Error that names the file: the errors of read_safetensors, and for an index that
/// is damaged, that names a file in another folder, or that names a tensor which its file lacks.
TESSERA_API TensorFile read_weights(const std::string& path);

/// Returns the names in the file of the tensors of `layouts`, by their names in Tessera. The names
/// are equal, or have the prefixes of wrappers in any combination: "module." (DataParallel),
/// "_orig_mod." (torch.compile), "model." and "state_dict.". Throws Error if a tensor is in the
/// file twice.
TESSERA_API std::map<std::string, std::string> names_in_file(
    const TensorFile& file, const std::map<std::string, TorchLayout>& layouts);

/// Copies the tensors of `file` to the parameters and states of a graph built for inference, or of
/// a network. Each tensor must be in the file, in PyTorch's shape, under its name of
/// `names_in_file`. Tensors named "*.num_batches_tracked" are ignored. Checks all tensors before it
/// writes any. Throws Error that lists the tensors that are missing, unexpected or of another
/// shape.
TESSERA_API void load_state_dict(const TensorFile& file, const Graph& graph, Params& params);
/// Does the same for a network.
TESSERA_API void load_state_dict(const TensorFile& file, Network& network);
/// Returns tensors for torch.nn.Module.load_state_dict, without num_batches_tracked; the inverse of
/// load_state_dict.
TESSERA_API TensorFile state_dict(const Graph& graph, const Params& params);
/// Does the same for a network.
TESSERA_API TensorFile state_dict(const Network& network);

}  // namespace tessera
