"""Networks: build, train, calibrate, evaluate, keep, and use them. Pixels and labels in, numbers out."""

import os

# An OpenMP thread that waits by spinning takes the core that the other one needs: beside one busy process, two threads
# trained 7 to 22 images a second on two cores, and 1,333 with this (1 thread: 302 to 931). On idle cores it costs up to
# a quarter. The library reads it once, when torch is imported, which no module of this package does before this line.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
