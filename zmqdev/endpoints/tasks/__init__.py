"""The tasks of endpoints: one class a job."""
