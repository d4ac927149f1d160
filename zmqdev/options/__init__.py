"""The settings: every option is declared once here. No I/O, except for files that options name."""
