"""Display: live view, lines, JSON, tables. The only place that imports rich."""
