"""A stand-in for Google Cloud Storage, in memory. Prints ``ready PORT``; ends when its input is closed."""

from __future__ import annotations

import logging
import sys

from gcp_storage_emulator.server import create_server

logging.disable(logging.ERROR)
server = create_server("127.0.0.1", 0, in_memory=True)
server.start()
sys.stdout.write(f"ready {server._api._httpd.server_port}\n")
sys.stdout.flush()
sys.stdin.read()
server.stop()
