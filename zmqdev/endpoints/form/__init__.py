"""The text of a message: formats, templates, separators."""
