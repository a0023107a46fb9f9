// What stands in for TensorBoard's events where there is no protobuf.
#include "tessera/error.h"
#include "tools/train/tensorboard.h"

namespace tessera::tools {

std::unique_ptr<RunObserver> make_tensorboard(const std::string&) {
  throw Error("tensorboard", "this build cannot write events, for it was made without protobuf");
}

}  // namespace tessera::tools
