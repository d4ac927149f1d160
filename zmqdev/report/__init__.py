"""What a person sees: live view, lines, JSON, tables. The only place that imports rich."""
