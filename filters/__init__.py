"""What is measured, what is removed, and why: pure functions over paths, bytes and batches."""
