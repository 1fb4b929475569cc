"""A run, step by step: plan → extract → deliver → finish. `coroutine.run_sync` is the whole way."""
