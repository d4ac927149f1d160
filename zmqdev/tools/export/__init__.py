"""The command `export`: write a file for systemd, compose or Kubernetes."""
