"""`headrace demo`: the main job on real data, offline, in seconds."""

from headrace.demo.show import run_demo

__all__ = ["run_demo"]
