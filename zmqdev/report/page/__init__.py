"""The page in the browser that `--metrics` serves: read-only, one HTML and one script file."""
