"""Security: certificates, passwords, ZAP, limits of peers."""
