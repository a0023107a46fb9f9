// Turns signals that end the program into a request to stop cleanly.
#pragma once

namespace tessera::tools {

/// Sets `interrupted` on Ctrl-C (SIGINT), SIGTERM, SIGHUP and SIGXCPU. A second Ctrl-C ends the
/// program at once; repetitions of the others do not, since terminals and batch systems repeat
/// them. Ignored signals, as under nohup, stay ignored.
void catch_interrupts();
/// Sets `interrupted` as a signal does.
void interrupt();
bool interrupted();
/// Returns the exit code of an interrupted program, as in shells: 128 plus the signal number.
int interrupted_exit_code();

}  // namespace tessera::tools
