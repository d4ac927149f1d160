"""The endpoints pub, sub, push, pull, client, worker and others, with a small loop each."""
