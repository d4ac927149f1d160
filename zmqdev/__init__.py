"""zmqdev: the ZeroMQ device launcher."""

__version__ = "0.1.0"
