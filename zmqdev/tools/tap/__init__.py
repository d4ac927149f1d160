"""The command `tap`: show the messages that pass through a device."""
