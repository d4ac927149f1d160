"""What endpoints do: one class a job."""
