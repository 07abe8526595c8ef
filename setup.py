"""What Beam ships to its workers with `--setup_file=./setup.py`.

Everything it needs stands in pyproject.toml.
"""

from setuptools import setup

setup()
