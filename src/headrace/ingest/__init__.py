"""The entry for calls over HTTP, as the Pipelines API and Segment's spell it."""
