// Ctrl-C as a wish to end well.
#pragma once

namespace tessera::tools {

/// Makes `interrupted` of the first Ctrl-C; the second one ends the program as usual.
void catch_interrupts();
bool interrupted();

}  // namespace tessera::tools
