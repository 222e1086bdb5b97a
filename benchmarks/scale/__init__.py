"""What several front-ends cost, and what they cost one Redis or the shards of a cluster."""
