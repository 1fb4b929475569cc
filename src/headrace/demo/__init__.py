"""`headrace demo`: the main job on real data, offline, in seconds."""

from headrace.demo.live import serve_demo
from headrace.demo.show import run_demo

__all__ = ["run_demo", "serve_demo"]
