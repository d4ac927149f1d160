"""The command `ctl`: query or control a running device."""
