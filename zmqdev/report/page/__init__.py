"""The page in the browser that `--metrics` serves: read-only, one file of HTML, one of script."""
