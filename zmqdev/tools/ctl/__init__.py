"""The command `ctl`: ask or steer a running device."""
