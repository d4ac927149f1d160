"""Manual pages, one for each command, made from the same declarations as `--help`."""
