"""zmqdev store: what a reliable queue keeps on disk."""
