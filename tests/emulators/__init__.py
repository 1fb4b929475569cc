"""Stand-ins for databases that cannot be had, each a process of its own in an environment of its own."""
