"""zmqdev store: the requests that a reliable queue keeps."""
