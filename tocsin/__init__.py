"""The application: the one package that may import all the others."""


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: reading package metadata takes longer than `--help` may."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tocsin")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0.0.0"
