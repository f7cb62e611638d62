"""Takedowns: what must go from everything that is here, and must not come back."""
