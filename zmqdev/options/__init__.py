"""Settings, pure: every option declared once."""
