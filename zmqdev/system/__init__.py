"""The operating system: loop, signals, standard streams, files, processes."""
