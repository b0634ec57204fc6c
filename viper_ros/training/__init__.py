"""Training: rendered shards, batches, losses, the loop. Reads sim/, writes models/."""
