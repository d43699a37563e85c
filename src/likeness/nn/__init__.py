"""Shared torch blocks, weight files and adapters for foreign weights. Importing the package itself needs no torch."""
