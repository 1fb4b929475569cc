"""A stand-in for S3: moto, in memory. Prints ``ready PORT``; ends when its input is closed."""

from __future__ import annotations

import logging
import sys

from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
sys.stdout.write(f"ready {port}\n")
sys.stdout.flush()
sys.stdin.read()
server.stop()
