"""The text forms of messages: formats, templates, separators."""
