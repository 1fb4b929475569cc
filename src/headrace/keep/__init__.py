"""Secrets at rest: how they are encrypted, where the key comes from, and how it is changed."""
