"""The version, said once: the package, its metadata and the command line read it here."""

__version__ = "0.1.0"
