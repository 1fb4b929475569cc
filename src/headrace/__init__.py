"""Headrace leads the rows of a warehouse to the tools where they do work."""

import os
from importlib.metadata import version

# Buffers of many megabytes come and go with every part. Arrow's and polars' allocators would give their pages back
# at once and fault them in anew; keeping them for seconds saves an eighth of the processor time, and some memory.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:10000")
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:5000,muzzy_decay_ms:5000")

__version__ = version("headrace")
