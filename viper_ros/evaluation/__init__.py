"""Measuring: suites of scenes that training never saw, and the figures over them."""
