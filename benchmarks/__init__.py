"""How fast Headrace is, against the floor (ready bytes, compressed and posted) and against its peers, in one run."""
