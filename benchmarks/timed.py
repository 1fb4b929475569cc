"""timed.py FACTS COMMAND… runs a command, writes what it used to the file FACTS, and exits as it did.

The kernel counts the memory of the process that forks into the peak of the one that it starts. So this one imports
next to nothing.
"""

import os
import sys
import time

started = time.perf_counter()
child = os.spawnvp(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(child, 0)
seconds = time.perf_counter() - started
with open(sys.argv[1], "w") as facts:
    facts.write(f"{seconds} {used.ru_utime + used.ru_stime} {used.ru_maxrss / 1024}")
sys.exit(os.waitstatus_to_exitcode(status))
