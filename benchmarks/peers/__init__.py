"""Other reverse ETL tools doing the same work, each in an environment of its own and set up as well as we know how."""
