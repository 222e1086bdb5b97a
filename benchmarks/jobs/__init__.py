"""Jobs of any kind: what their leases and their progress cost."""
