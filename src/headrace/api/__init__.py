"""The JSON API: one function per route; each names the one `Action` that its caller must be allowed."""
