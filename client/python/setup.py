"""Generates the code of the protos before anything is packed; everything else is in pyproject.toml."""

import pathlib
import subprocess

from setuptools import setup

here = pathlib.Path(__file__).resolve().parent
# A source distribution brings the generated code along, and no protos.
if (here / "../../proto/kith/v1").is_dir():
    subprocess.run([str(here / "generate")], check=True)
setup()
