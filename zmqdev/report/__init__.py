"""What users see of a running program: live view, lines, log, metrics and the page."""
