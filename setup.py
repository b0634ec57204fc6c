"""The Python package without ROS; everything is said in pyproject.toml."""

from setuptools import setup

setup()
