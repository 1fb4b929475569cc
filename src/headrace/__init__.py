"""Headrace leads the rows of a warehouse to the tools where they do work."""

from importlib.metadata import version

__version__ = version("headrace")
