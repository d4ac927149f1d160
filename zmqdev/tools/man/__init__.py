"""Manual pages, one for each command, from the same declarations as `--help`."""
