"""pub, sub, push, pull, client, worker: one small loop each."""
