"""What a service does beside its runs: alarms and their notices, retention, backup."""
