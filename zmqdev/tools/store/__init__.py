"""The command `store`: inspect the requests that a reliable queue keeps."""
