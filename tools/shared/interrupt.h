// Signals that ask the program to end, as a wish to end well.
#pragma once

namespace tessera::tools {

/// Makes `interrupted` of Ctrl-C (SIGINT), SIGTERM, SIGHUP and SIGXCPU. A second Ctrl-C ends the
/// program at once; the others are sent more than once by terminals and batch systems. Signals that
/// are ignored, as by nohup, stay so.
void catch_interrupts();
/// What a signal would do.
void interrupt();
bool interrupted();
/// The exit code of an interrupted program, as shells have it: 128 and the number of the signal.
int interrupted_exit_code();

}  // namespace tessera::tools
