// Replaces tensorboard.cpp in a build without protobuf.
#include "tessera/error.h"
#include "tools/train/tensorboard.h"

namespace tessera::tools {

std::unique_ptr<RunObserver> make_tensorboard(const std::string&) {
  throw Error("tensorboard",
              "this build cannot write TensorBoard events, since it was built without protobuf");
}

}  // namespace tessera::tools
