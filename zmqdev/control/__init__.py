"""Ask and steer what runs: protocol, verbs, socket, client."""
