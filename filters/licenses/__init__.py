"""Which licence a file is under, and by what evidence that is said: detected in each file, resolved by directory."""
