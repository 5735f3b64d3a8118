"""Hooks and the optimizer wrapper that training adds to MMEngine."""
