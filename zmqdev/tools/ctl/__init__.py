"""Ask or steer a running device."""
