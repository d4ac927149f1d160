"""What was asked for, pure: every option declared once."""
