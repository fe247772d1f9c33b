"""The application: the one package that may import all the others."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tocsin")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"
