"""Write a file for systemd, compose or Kubernetes."""
