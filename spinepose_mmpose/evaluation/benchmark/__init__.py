"""The whole results table: many models on the same test sets."""
